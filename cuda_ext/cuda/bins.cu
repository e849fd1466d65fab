// Footprints to lists for each tile, nearest first: sort footprints by depth, write a pair for each tile that one touches
// in that order, and sort the pairs by tile, stably.
#include "cuda/chain.h"
#include "splatworld/tiles.h"

namespace splatworld {
namespace {

constexpr uint32_t kFew = 32;  // a thread alone writes so many pairs; of more, its warp does

__device__ Footprint footprint(const Frame& frame, const Bins& bins, uint32_t number) {
  const float4 a = frame.geometry[2 * number], b = frame.geometry[2 * number + 1];
  const ushort4 box = bins.boxes[number];
  Footprint splat{};
  splat.x = a.x, splat.y = a.y, splat.p = a.z, splat.q = a.w, splat.r = b.x, splat.power = b.y;
  splat.row_begin = box.x, splat.row_end = box.y, splat.column_begin = box.z, splat.column_end = box.w;
  return splat;
}

// Write the pairs of a footprint to [begin, end), by `lanes` threads of which this is `lane`. The number of tiles was
// counted by another kernel, which a compiler may have rounded otherwise: no more than that are written.
__device__ void spread(const Frame& frame, const Bins& bins, uint32_t number, uint64_t begin, uint64_t end, int lane,
                       int lanes) {
  const Footprint splat = footprint(frame, bins, number);
  const Outline ellipse = outline_of(splat);
  const Span rows = tile_rows(splat);
  for (int row = rows.first; row <= rows.last; ++row) {
    const Span columns = tile_columns(splat, ellipse, row);
    const int tile = (row - frame.tile_row) * frame.tiles_x + columns.first;
    const uint64_t width = uint64_t(columns.last - columns.first + 1);
    for (uint64_t i = uint64_t(lane); i < width && begin + i < end; i += uint64_t(lanes)) {
      bins.tile_keys[begin + i] = uint16_t(tile + int(i));
      bins.unsorted_pairs[begin + i] = number;
    }
    begin += width;
  }
}

__global__ void __launch_bounds__(kBlock) make_pairs(Frame frame, Bins bins) {
  const uint32_t block = take_number(bins.pair_chain), count = footprints_of(frame);
  if (block * kBlock >= count) return;  // nobody looks back at these
  const uint32_t rank = block * kBlock + threadIdx.x;
  const uint32_t number = rank < count ? bins.order[rank] : 0;
  const uint32_t tiles = rank < count ? bins.tile_counts[number] : 0;
  const uint64_t begin = sum_before(bins.pair_chain, block, tiles), end = begin + tiles;
  const bool fits = end <= frame.pair_capacity;

  if (fits && tiles <= kFew && tiles > 0) spread(frame, bins, number, begin, end, 0, 1);
  for (uint32_t many = __ballot_sync(kAll, fits && tiles > kFew); many; many &= many - 1) {
    const int lane = __ffs(int(many)) - 1;
    const uint32_t theirs = __shfl_sync(kAll, number, lane);
    const uint64_t from = __shfl_sync(kAll, begin, lane), to = __shfl_sync(kAll, end, lane);
    spread(frame, bins, theirs, from, to, int(threadIdx.x) % kWarp, kWarp);
  }
  if (rank + 1 == count) {
    frame.counters[kPairsLow] = uint32_t(end);
    frame.counters[kPairsLow + 1] = uint32_t(end >> 32);
    frame.counters[kOverflow] = (frame.counters[kVisible] > frame.visible_capacity ? 1u : 0u) | (fits ? 0u : 2u);
  }
}

__global__ void __launch_bounds__(kBlock) find_ranges(Frame frame, const uint16_t* keys) {
  const uint32_t i = blockIdx.x * kBlock + threadIdx.x;
  if (i >= frame.pair_capacity) return;
  const int tile = keys[i];
  if (tile >= tiles_of(frame)) return;  // no pair
  if (i == 0 || keys[i - 1] != tile) frame.ranges[tile].x = i;
  if (i + 1 == frame.pair_capacity || keys[i + 1] != tile) frame.ranges[tile].y = i + 1;
}

// One place for each lane that is `in`, counted on by `counter`. All lanes of the warp call it.
__device__ uint32_t take_place(uint32_t* counter, bool in) {
  const uint32_t lanes = __ballot_sync(kAll, in), lane = threadIdx.x % kWarp;
  uint32_t first = 0;
  if (lane == 0 && lanes) first = atomicAdd(counter, unsigned(__popc(lanes)));
  return __shfl_sync(kAll, first, 0) + unsigned(__popc(lanes & ((1u << lane) - 1)));
}

// Tiles with lists twice as long as usual from the front, the others from the back: blocks start in this order, and the
// last ones to start should be short. The order among either is left to chance; no picture depends on it.
__global__ void __launch_bounds__(kBlock) order_tiles(Frame frame) {
  const uint32_t tile = blockIdx.x * kBlock + threadIdx.x, tiles = uint32_t(tiles_of(frame));
  const uint2 list = tile < tiles ? frame.ranges[tile] : uint2{0, 0};
  const uint32_t pairs = min(frame.counters[kPairsLow], frame.pair_capacity);
  const bool there = tile < tiles, crowded = there && list.y - list.x > 2 * (pairs / tiles);
  const uint32_t front = take_place(frame.counters + kLongTiles, crowded);
  const uint32_t back = take_place(frame.counters + kShortTiles, there && !crowded);
  if (there) frame.tile_order[crowded ? front : tiles - 1 - back] = tile;
}

// Bits that tell `tiles` tiles and "none" (all ones) apart.
int key_bits(int tiles) {
  int bits = 1;
  while ((1 << bits) - 1 < tiles) ++bits;
  return bits;
}

}  // namespace

void bin(const Workspace& work, Stream stream) {
  const Frame& frame = work.frame;
  const Bins& bins = work.bins;
  sort_pairs(bins.sorting, bins.depth_keys, bins.sorted_depth_keys, bins.numbers, bins.order, frame.visible_capacity, 32,
             stream);
  launch(make_pairs, blocks_for(frame.visible_capacity, kBlock), kBlock, stream, frame, bins);
  sort_pairs(bins.sorting, bins.tile_keys, bins.sorted_tile_keys, bins.unsorted_pairs, frame.pairs, frame.pair_capacity,
             key_bits(tiles_of(frame)), stream);
  launch(find_ranges, blocks_for(frame.pair_capacity, kBlock), kBlock, stream, frame, bins.sorted_tile_keys);
  launch(order_tiles, blocks_for(uint64_t(tiles_of(frame)), kBlock), kBlock, stream, frame);
}

}  // namespace splatworld
