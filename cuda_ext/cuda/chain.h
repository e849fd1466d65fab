// Sums over all threads of a grid in their order, within one kernel: every block adds up its own and looks back at those
// before it (decoupled look-back, Merrill and Garland 2016).
//
// Blocks take their numbers as they start, so those before a block run already and the wait for them ends. A block's word
// says all that others read of it, so no order between stores to different places is asked for.
#pragma once

#include "cuda/forward.h"

namespace splatworld {

constexpr int kBlock = 256;  // threads of a block that uses a chain
constexpr int kWarp = 32;
constexpr unsigned kAll = 0xffffffffu;

// A word: what is known, and a sum. 0 means nothing yet.
constexpr unsigned long long kOwn = 1ull << 62;    // the block's own sum
constexpr unsigned long long kWhole = 1ull << 63;  // the sum of all blocks up to and with this one
constexpr unsigned long long kSum = kOwn - 1;

__device__ inline void tell(unsigned long long* word, unsigned long long value) {
  *static_cast<volatile unsigned long long*>(word) = value;
}

__device__ inline unsigned long long ask(unsigned long long* word) {
  return *static_cast<volatile unsigned long long*>(word);
}

// The number of this block; every thread calls it once.
__device__ inline uint32_t take_number(const Chain& chain) {
  __shared__ uint32_t number;
  if (threadIdx.x == 0) number = atomicAdd(chain.ticket, 1u);
  __syncthreads();
  return number;
}

// Called by one whole warp of block `block`, whose own sum is `own`: the sum of the blocks before it.
__device__ inline unsigned long long look_back(const Chain& chain, uint32_t block, unsigned long long own) {
  const int lane = int(threadIdx.x) % kWarp;
  if (block > 0 && lane == 0) tell(chain.words + block, kOwn | own);
  unsigned long long sum = 0, wholes = block == 0;
  for (int64_t nearest = int64_t(block) - 1; !wholes; nearest -= kWarp) {
    const int64_t at = nearest - lane;
    unsigned long long word;
    do {
      word = at >= 0 ? ask(chain.words + at) : kWhole;
    } while (__any_sync(kAll, word == 0));
    wholes = __ballot_sync(kAll, (word & kWhole) != 0);
    const int last = wholes ? __ffs(int(wholes)) - 1 : kWarp - 1;
    unsigned long long part = lane <= last ? word & kSum : 0;
    for (int by = kWarp / 2; by > 0; by /= 2) part += __shfl_xor_sync(kAll, part, by);
    sum += part;
  }
  if (lane == 0) tell(chain.words + block, kWhole | (sum + own));
  return sum;
}

// The sum of `value` over all threads of all blocks before this one. Every thread of the block calls it once.
__device__ inline unsigned long long sum_before(const Chain& chain, uint32_t block, uint32_t value) {
  __shared__ uint32_t warp_sums[kBlock / kWarp];
  __shared__ unsigned long long blocks_before;
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp;
  uint32_t up_to = value;
  for (int by = 1; by < kWarp; by *= 2) {
    const uint32_t below = __shfl_up_sync(kAll, up_to, by);
    if (lane >= by) up_to += below;
  }
  if (lane == kWarp - 1) warp_sums[warp] = up_to;
  __syncthreads();
  uint32_t before = up_to - value, all = 0;
  for (int w = 0; w < kBlock / kWarp; ++w) {
    if (w < warp) before += warp_sums[w];
    all += warp_sums[w];
  }
  if (warp == 0) {
    const unsigned long long sum = look_back(chain, block, all);
    if (lane == 0) blocks_before = sum;
  }
  __syncthreads();
  return blocks_before + before;
}

}  // namespace splatworld
