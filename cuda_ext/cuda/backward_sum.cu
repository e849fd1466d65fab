// Gradients of pairs summed for each footprint in the order of the pairs: the same bits in every run.
#include "cuda/backward.h"
#include "cuda/chain.h"

namespace splatworld {
namespace {

// Pairs that are not there sort behind all others.
__global__ void __launch_bounds__(kBlock) number_pairs(Frame frame, uint32_t* keys, uint32_t* numbers) {
  const uint32_t i = blockIdx.x * kBlock + threadIdx.x;
  if (i >= frame.pair_capacity) return;
  const uint64_t count = uint64_t(frame.counters[kPairsLow + 1]) << 32 | frame.counters[kPairsLow];
  keys[i] = i < count ? frame.pairs[i] : 0xffffffffu;
  numbers[i] = i;
}

// The first of `count` sorted keys that is not below `key`.
__device__ inline uint32_t lower_bound(const uint32_t* keys, uint32_t count, uint32_t key) {
  uint32_t begin = 0, end = count;
  while (begin < end) {
    const uint32_t middle = begin + (end - begin) / 2;
    if (keys[middle] < key) begin = middle + 1;
    else end = middle;
  }
  return begin;
}

__device__ inline float warp_sum(float a) {
  for (int by = kWarp / 2; by > 0; by /= 2) a += __shfl_xor_sync(kAll, a, by);
  return a;
}

// A warp for each footprint.
__global__ void __launch_bounds__(kBlock)
    sum_pairs(Frame frame, const uint32_t* keys, const uint32_t* order, const float4* records, float4* grads) {
  const int lane = int(threadIdx.x) % kWarp;
  const uint32_t footprint = (blockIdx.x * kBlock + threadIdx.x) / kWarp;
  if (footprint >= footprints_of(frame)) return;
  const uint32_t begin = lower_bound(keys, frame.pair_capacity, footprint);
  const uint32_t end = lower_bound(keys, frame.pair_capacity, footprint + 1);
  for (int quad = 0; quad < kGradQuads; ++quad) {
    float4 sum = {0, 0, 0, 0};
    for (uint32_t i = begin + uint32_t(lane); i < end; i += kWarp) {
      const float4 part = records[kGradQuads * uint64_t(order[i]) + quad];
      sum = {sum.x + part.x, sum.y + part.y, sum.z + part.z, sum.w + part.w};
    }
    sum = {warp_sum(sum.x), warp_sum(sum.y), warp_sum(sum.z), warp_sum(sum.w)};
    float4* to = grads + kGradQuads * uint64_t(footprint) + quad;
    if (lane == 0) *to = {to->x + sum.x, to->y + sum.y, to->z + sum.z, to->w + sum.w};
  }
}

}  // namespace

void order_pairs(const Frame& frame, const BackwardScratch& scratch, Stream stream) {
  launch(number_pairs, blocks_for(frame.pair_capacity, kBlock), kBlock, stream, frame, scratch.keys, scratch.numbers);
  sort_pairs(scratch.sorting, scratch.keys, scratch.sorted_keys, scratch.numbers, scratch.order, frame.pair_capacity,
             32, stream);
}

void sum_records(const Frame& frame, const BackwardScratch& scratch, Stream stream) {
  launch(sum_pairs, blocks_for(uint64_t(frame.visible_capacity) * kWarp, kBlock), kBlock, stream, frame,
         scratch.sorted_keys, scratch.order, scratch.records, scratch.grads);
}

}  // namespace splatworld
