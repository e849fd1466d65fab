#include "cpu/train.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "cpu/workers.h"

namespace splatworld {

TrainKernels portable_train_kernels();
#if defined(SW_X86_KERNELS)
TrainKernels avx2_train_kernels();
#endif

static TrainKernels detected() {
#if defined(SW_X86_KERNELS)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2_train_kernels();
#endif
  return portable_train_kernels();
}

const TrainKernels& train_kernels() {
  static const TrainKernels found = detected();
  return found;
}

LossSums loss(const LossImages& images, int threads) {
  std::vector<LossTile> tiles;
  for (int picture = 0; picture < images.count; ++picture)
    for (int y = 0; y < images.height; y += kLossTileRows)
      for (int x = 0; x < images.width; x += kLossTileColumns)
        tiles.push_back({picture, x, y, std::min(x + kLossTileColumns, images.width),
                         std::min(y + kLossTileRows, images.height)});
  std::vector<LossSums> parts(tiles.size());
  Workers workers(std::min(threads, int(tiles.size())));
  workers.run(int(tiles.size()), [&](int i) {
    const std::unique_ptr<float[]> scratch(new float[kLossScratch]);
    parts[i] = train_kernels().loss(images, tiles[i], scratch.get());
  });
  LossSums sums;
  for (const LossSums& part : parts) sums.l1 += part.l1, sums.dissimilarity += part.dissimilarity;
  return sums;
}

void adam(const AdamSettings& settings, const AdamClock& clock, const AdamGroup& group, const bool* visible, int threads) {
  const int64_t rows_at_once = std::max<int64_t>(1, 65536 / group.width);
  const int parts = int((group.rows + rows_at_once - 1) / rows_at_once);
  Workers workers(std::min(threads, std::max(parts, 1)));
  workers.run(parts, [&](int i) {
    const int64_t begin = i * rows_at_once;
    train_kernels().adam(settings, clock, group, visible, begin, std::min(begin + rows_at_once, group.rows));
  });
}

void adam_tick(const AdamSettings& settings, const AdamTick& tick) {
  adam_lengthen(settings, tick, 0, 1);
  adam_advance(tick);
}

}  // namespace splatworld
