// One camera's picture, or a band of it, as the kernels see it. Python owns all the memory.
//
// A "footprint" here is a number: visible splats are numbered in the order of their rows.
#pragma once

#include <stdint.h>

#include "cuda/launch.h"
#include "splatworld/gaussian.h"

namespace splatworld {

constexpr int kPixels = kTile * kTile;  // of a tile
constexpr int kBucket = 256;            // list entries from one checkpoint to the next

enum Counter {
  kVisible = 0,   // footprints, also those beyond the capacity
  kPairsLow = 2,  // (footprint, tile) pairs, also those beyond the capacity: 64 bits in two words
  kBroken = 4,    // splats that are not finite
  kOverflow = 5,  // 1: more footprints than fit, 2: more pairs than fit. The picture is then not valid.
  kLongTiles = 6, kShortTiles = 7,  // tiles put in order so far
  kCounters = 8,
};

// One camera, in the device's memory: kernels read it there, so that nobody waits for it.
struct Camera {
  const float* camera_from_world;  // 4 4
  const float* K;                  // 3 3
};

SW_HD View<float> view_of(const Camera& camera, int width, int height) {
  const float *m = camera.camera_from_world, *k = camera.K;
  const Mat3<float> rotation = {{m[0], m[1], m[2]}, {m[4], m[5], m[6]}, {m[8], m[9], m[10]}};
  const Vec3<float> translation = {m[3], m[7], m[11]};
  const Vec3<float> eye = -1.0f * transposed_times(rotation, translation);
  return {rotation, translation, eye, k[0], k[4], k[2], k[5], float(width), float(height)};
}

struct Frame {
  int width, height;         // px of the whole picture
  int tiles_x, tiles_y;      // tiles of the whole picture
  int tile_row, band_rows;   // the band: tile rows [tile_row, tile_row + band_rows)
  float alpha_max;           // Settings::alpha_max
  uint32_t visible_capacity, pair_capacity;  // at most 2^31 - 1
  uint32_t* counters;        // kCounters
  float4* geometry;          // 2 per footprint: (x, y, p, q), (r, power, bits of the thing, bits of the splat's row)
  float4* values;            // 1 per footprint: this pass's four values
  uint32_t* pairs;           // footprints, by tile, nearest first (equal depths by row)
  uint2* ranges;             // per tile of the band: [begin, end) in pairs
  uint32_t* tile_order;      // tiles of the band, those with long lists first
  float* transmittance;      // h w: what is left at the end
  uint32_t* last;            // h w: one past the place in its tile's list of the last splat that the pixel took; 0: none
  uint32_t* tile_last;       // per tile of the band: the largest of them
  float4* totals;            // h w: the accumulated values of this pass
  // State of the tile's pixels (index y 16 + x inside the tile) before list entry kBucket b, b >= 1: slot
  // checkpoint_slot(begin, b). Written only for entries before tile_last; null: not kept.
  float4* checkpoint_values;       // kPixels per slot: accumulated values
  float* checkpoint_transmittance; // kPixels per slot
};

// Tiles never share a slot and pair_capacity / kBucket of them are enough: the last one of a list that ends at `end` is
// at most (end - 1) / kBucket - 1, and the next list's first is end / kBucket.
SW_HD uint32_t checkpoint_slot(uint32_t begin, uint32_t bucket) { return begin / kBucket + bucket - 1; }

SW_HD uint32_t footprints_of(const Frame& frame) {
  const uint32_t visible = frame.counters[kVisible];
  return visible < frame.visible_capacity ? visible : frame.visible_capacity;
}

SW_HD int tiles_of(const Frame& frame) { return frame.band_rows * frame.tiles_x; }

}  // namespace splatworld
