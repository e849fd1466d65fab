#include "cuda/adam.h"

namespace splatworld {
namespace {

constexpr unsigned kBlock = 256, kTickBlock = 1024;

__global__ void tick_on(AdamSettings settings, AdamTick tick) {
  adam_lengthen(settings, tick, int(threadIdx.x), int(blockDim.x));
  __syncthreads();
  if (threadIdx.x == 0) adam_advance(tick);
}

// One number a thread.
__global__ void __launch_bounds__(kBlock)
    step_rows(AdamSettings settings, AdamClock clock, AdamGroup group, const bool* visible) {
  const int64_t i = int64_t(blockIdx.x) * kBlock + threadIdx.x;
  if (i >= group.rows * group.width) return;
  const int64_t row = i / group.width;
  if (visible && !visible[row]) return;
  const int kind = group.kind + (i % group.width >= group.head);
  const AdamRow shared = adam_row(settings, clock, row, kind, group.gradient != nullptr);
  if (!shared.behind && !group.gradient) return;
  float value = group.value[i], first = group.first[i], second = group.second[i];
  if (shared.behind) adam_catch_up(shared.missed, &value, &first, &second);
  if (group.gradient) adam_step(settings, shared.pace, group.gradient[i], &value, &first, &second);
  group.value[i] = value, group.first[i] = first, group.second[i] = second;
}

}  // namespace

void adam_tick(const AdamSettings& settings, const AdamTick& tick, Stream stream) {
  launch(tick_on, 1, kTickBlock, stream, settings, tick);
}

void adam(const AdamSettings& settings, const AdamClock& clock, const AdamGroup& group, const bool* visible, Stream stream) {
  launch(step_rows, blocks_for(uint64_t(group.rows) * group.width, kBlock), kBlock, stream, settings, clock, group, visible);
}

}  // namespace splatworld
