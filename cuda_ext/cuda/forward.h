// From splats to a picture: project, bin, blend.
#pragma once

#include "cuda/frame.h"
#include "cuda/primitives.h"

namespace splatworld {

// For sums over all threads of a grid in their order: cuda/chain.h. All zeros before the kernel starts.
struct Chain {
  uint32_t* ticket;
  unsigned long long* words;  // one per block
};

// What binning needs besides the frame; once it is done this may be used for something else.
struct Bins {
  Chain visible_chain, pair_chain;
  ushort4* boxes;         // per footprint: row_begin, row_end, column_begin, column_end
  uint32_t* tile_counts;  // per footprint
  // Per footprint, before and after sorting by depth. Keys are all ones where there is no footprint.
  uint32_t *depth_keys, *sorted_depth_keys, *numbers, *order;
  // Per pair, before and after sorting by tile.
  uint16_t *tile_keys, *sorted_tile_keys;
  uint32_t* unsorted_pairs;
  Scratch sorting;
};

constexpr int kTilesMax = 0xffff;  // of a band: their numbers are 16-bit keys, all ones is none

// Memory for one frame, in two blocks.
struct Workspace {
  Frame frame;
  Bins bins;
  float4* feature_values;  // Frame::values for passes over features, so that those of the first pass stay
  size_t kept_bytes;     // read again by the way back
  size_t scratch_bytes;  // free for the next frame after blending
  Scratch zeros, ones;   // the parts of them that must be all zeros and all ones at the start
};

struct FrameSize {
  int width, height, tile_row, band_rows;
  uint32_t splats, visible_capacity, pair_capacity;
  size_t sorting;  // sorting_bytes of the capacities
  bool keep;       // what the way back needs
  bool packed;     // colours lie in Frame::geometry: there are no values
};

size_t sorting_bytes(uint32_t visible_capacity, uint32_t pair_capacity);

// Where everything lies in the two blocks, each aligned to 256 bytes. Null blocks: only their sizes are right.
Workspace workspace(const FrameSize& size, void* kept, void* scratch);

// Splats for drawing alone, in half precision but for the means. Rows are finite: whoever packed them saw to it.
struct Packed {
  int64_t count;
  const float* means;   // n 3
  const uint4* shapes;  // n: 8 halves: unit quaternion wxyz, logarithms of the scales, logit of the opacity
  const uint4* sh;      // n `quads`: halves, (degree + 1)^2 times 3 and zeros
  int degree, quads;
};

// Fill the frame's footprints. The workspace must be fresh: `zeros` and `ones` are written here.
void project(const Gaussians& splats, const Camera& camera, const Settings& settings, const Workspace& work,
             Stream stream);

void project(const Packed& splats, const Camera& camera, const Settings& settings, const Workspace& work, Stream stream);

// From footprints to lists of them for each tile. After this Frame::counters are final.
void bin(const Workspace& work, Stream stream);

// Images of the whole picture that the first pass gives besides Frame::totals.
struct Picture {
  float* alpha;      // h w
  float* median;     // h w: depth of the splat at which transmittance first falls to kMedian; 0: none
  int32_t* things;   // h w: its thing
  int32_t* skipped;  // 1: splats that are not finite; null: not wanted
};

// The first pass: red, green, blue, depth.
void blend(const Frame& frame, const Picture& picture, Stream stream);

// Of packed splats: `bytes` [h w 3], over a background.
void blend_bytes(const Frame& frame, uint8_t* bytes, float3 background, Stream stream);

// Another pass, over channels first .. first + 3 of `features` [n channels], zeros beyond them.
void blend_features(const Frame& frame, const float* features, int channels, int first, Stream stream);

}  // namespace splatworld
