#include "cpu/forward.h"

#include <algorithm>

#include "cpu/bins.h"
#include "cpu/workers.h"

namespace splatworld {

constexpr int64_t kChunk = 4096;  // splats; fixed, so that results do not depend on the number of threads

// The footprints of what the camera can see, in depth order.
static Visible project_and_sort(const Gaussians& splats, const View<float>& view, const Settings& settings,
                                const Kernels& kernels, Workers& workers) {
  const int chunks = int((splats.count + kChunk - 1) / kChunk);
  // Not initialised: pages of chunks that see nothing are never touched.
  const std::unique_ptr<Footprint[]> all(new Footprint[size_t(splats.count)]);
  std::vector<uint32_t> starts(size_t(chunks) + 1);
  workers.run(chunks, [&](int chunk) {
    const int64_t begin = chunk * kChunk, end = std::min(begin + kChunk, splats.count);
    starts[size_t(chunk) + 1] = uint32_t(kernels.project(splats, view, settings, begin, end, all.get() + begin));
  });
  for (int chunk = 0; chunk < chunks; ++chunk) starts[size_t(chunk) + 1] += starts[size_t(chunk)];

  const uint32_t count = starts.back();
  std::vector<float> depths(count);
  std::vector<const Footprint*> sources(count);
  workers.run(chunks, [&](int chunk) {
    const Footprint* from = all.get() + chunk * kChunk;
    for (uint32_t i = starts[size_t(chunk)]; i < starts[size_t(chunk) + 1]; ++i, ++from) {
      depths[i] = from->values[3];
      sources[i] = from;
    }
  });
  const std::vector<uint32_t> order = depth_order(depths);
  Visible visible{std::unique_ptr<Footprint[]>(new Footprint[count]), count};
  const int parts = int((count + kChunk - 1) / kChunk);
  workers.run(parts, [&](int part) {
    const uint32_t begin = uint32_t(part * kChunk), end = std::min<uint32_t>(begin + uint32_t(kChunk), count);
    for (uint32_t i = begin; i < end; ++i) visible.footprints[i] = *sources[order[i]];
  });
  return visible;
}

void forward(const Gaussians& splats, const View<float>& view, const Settings& settings, const Kernels& kernels, int threads,
             const Image& image) {
  Workers workers(threads);
  const Visible visible = project_and_sort(splats, view, settings, kernels, workers);
  const int tiles_x = (image.width + kTile - 1) / kTile, tiles_y = (image.height + kTile - 1) / kTile;
  Bins bins(visible, tiles_x, tiles_y, threads, workers);
  for (int begin = 0; begin < tiles_x * tiles_y; begin = bins.end()) {
    bins.fill_from(begin);
    workers.run(bins.end() - begin, [&](int i) {
      const int tile = begin + i;
      kernels.blend(visible.footprints.get(), bins.list(tile), bins.size(tile), tile % tiles_x, tile / tiles_x,
                    settings.alpha_max, image);
    });
  }
}

}  // namespace splatworld
