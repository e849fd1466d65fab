#include "cuda/chain.h"
#include "cuda/pieces.h"

namespace splatworld {

size_t sorting_bytes(uint32_t visible_capacity, uint32_t pair_capacity) {
  const size_t depths = sort_scratch<uint32_t>(visible_capacity), tiles = sort_scratch<uint16_t>(pair_capacity);
  return depths > tiles ? depths : tiles;
}

Workspace workspace(const FrameSize& size, void* kept_block, void* scratch_block) {
  Workspace work{};
  Frame& frame = work.frame;
  Bins& bins = work.bins;
  const size_t visible = size.visible_capacity, pairs = size.pair_capacity;
  frame.width = size.width, frame.height = size.height;
  frame.tiles_x = (size.width + kTile - 1) / kTile, frame.tiles_y = (size.height + kTile - 1) / kTile;
  frame.tile_row = size.tile_row, frame.band_rows = size.band_rows;
  frame.visible_capacity = size.visible_capacity, frame.pair_capacity = size.pair_capacity;
  const size_t tiles = size_t(tiles_of(frame)), pixels = size_t(size.width) * size_t(size.height);

  Pieces kept(kept_block), scratch(scratch_block);
  frame.counters = kept.take<uint32_t>(kCounters);
  bins.visible_chain = {kept.take<uint32_t>(1), kept.take<unsigned long long>(blocks_for(size.splats, kBlock))};
  bins.pair_chain = {kept.take<uint32_t>(1), kept.take<unsigned long long>(blocks_for(visible, kBlock))};
  frame.ranges = kept.take<uint2>(tiles);
  work.zeros = kept.all();
  frame.geometry = kept.take<float4>(2 * visible);
  if (!size.packed) frame.values = kept.take<float4>(visible);
  frame.pairs = kept.take<uint32_t>(pairs);
  frame.tile_order = kept.take<uint32_t>(tiles);
  if (size.keep) {
    frame.transmittance = kept.take<float>(pixels);
    frame.last = kept.take<uint32_t>(pixels);
    frame.tile_last = kept.take<uint32_t>(tiles);
    frame.checkpoint_values = kept.take<float4>(pairs / kBucket * kPixels);
    frame.checkpoint_transmittance = kept.take<float>(pairs / kBucket * kPixels);
  }

  bins.depth_keys = scratch.take<uint32_t>(visible);
  bins.tile_keys = scratch.take<uint16_t>(pairs);
  work.ones = scratch.all();
  bins.sorted_depth_keys = scratch.take<uint32_t>(visible);
  bins.numbers = scratch.take<uint32_t>(visible);
  bins.order = scratch.take<uint32_t>(visible);
  bins.boxes = scratch.take<ushort4>(visible);
  bins.tile_counts = scratch.take<uint32_t>(visible);
  bins.sorted_tile_keys = scratch.take<uint16_t>(pairs);
  bins.unsorted_pairs = scratch.take<uint32_t>(pairs);
  work.feature_values = scratch.take<float4>(visible);
  bins.sorting = {scratch.take<char>(size.sorting), size.sorting};
  work.kept_bytes = kept.all().bytes, work.scratch_bytes = scratch.all().bytes;
  return work;
}

}  // namespace splatworld
