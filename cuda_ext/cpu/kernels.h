// The two inner loops, compiled once per instruction set and chosen when the program runs.
#pragma once

#include <stdint.h>

#include <vector>

#include "splatworld/gaussian.h"

namespace splatworld {

// What is written: one value or more per pixel, rows of the image one after the other.
struct Image {
  float* rgb;     // h w 3, over black
  float* alpha;   // h w
  float* depth;   // h w, weighted mean; 0 where nothing is
  float* median;  // h w, depth where transmittance falls to kMedian; 0 where it never does
  int32_t* things;  // h w, the splat's thing there
  int width, height;
};

struct Kernels {
  const char* name;
  // Project splats [begin, end); footprints of the visible ones go to `out` in order, their number is returned.
  int (*project)(const Gaussians&, const View<float>&, const Settings&, int64_t begin, int64_t end, Footprint* out);
  // Blend footprints[list[0..count)], front to back, into one tile.
  void (*blend)(const Footprint* footprints, const uint32_t* list, uint32_t count, int tile_x, int tile_y, float alpha_max,
                const Image&);
};

// Those that this processor can run, fastest first; the last one runs anywhere.
const std::vector<Kernels>& kernels();

}  // namespace splatworld
