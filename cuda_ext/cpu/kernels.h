// The inner loops, compiled once per instruction set and chosen when the program runs.
#pragma once

#include <stdint.h>

#include <vector>

#include "splatworld/gaussian.h"
#include "splatworld/gaussian_backward.h"

namespace splatworld {

// A number per pixel, rows of the image one after the other; null where there is none.
struct Plane {
  const float* first = nullptr;
  int step = 1;  // from one pixel to the next
};

// A cache line of its own for each.
struct alignas(64) Placed : Footprint {};

// The splats of one tile, nearest first, and the four values that each of them brings to this pass.
struct TileList {
  const Placed* footprints;
  const float* values;  // of footprint 0
  int step;             // from one footprint's values to the next one's
  const uint32_t* list;
  uint32_t count;
  int x, y;  // of its first pixel
  float alpha_max;
};

// What a pass writes. The first one: rgb, depth and what follows them. The others: four features, or those left.
struct Canvas {
  int width, height;
  bool stream;  // the images are too large for the caches: write past them
  float* rgb;
  float* depth;
  float* alpha;
  float* median;    // depth where transmittance falls to kMedian; 0 where it never does
  int32_t* things;  // the splat's thing there
  // For the way back: transmittance at the end, and the position in the list at which a pixel ended (or the list did).
  float* transmittance;
  uint32_t* ends;
  float* features;  // of the first pixel, the first of this pass
  int channels;     // in this pass
  int step;         // from pixel to pixel
};

// What the way back starts from.
struct CanvasGrad {
  int width, height;
  Plane sums[4];
  const float* alpha;
  const float* transmittance;
  const uint32_t* ends;
};

// Sums over pixels for one splat; with v = gradient for log2 alpha, over ln 2, and t = p dx + q dy, the offsets being
// from the splat's centre to the pixel. A cache line.
struct alignas(64) SplatSums {
  enum { kV, kVT, kVTX, kVTY, kVY, kVYY, kAbsoluteX, kAbsoluteY, kValues, kCount = kValues + 4 };
  float of[16];
};

// Where gradients go: arrays of all splats, added to; null where nobody wants them.
struct GaussiansGrad {
  float* means;            // n 3
  float* quats;            // n 4
  float* log_scales;       // n 3
  float* logit_opacities;  // n
  float* sh;               // n terms 3
  float* features;         // n channels
  float* absolute;         // n 2: as if no two pixels pulled a centre in opposite directions, px
};

struct Projected {
  uint32_t drawn = 0, broken = 0;
};

struct Kernels {
  const char* name;
  // Project splats [begin, end); footprints of the visible ones go to `out` in order.
  Projected (*project)(const Gaussians&, const View<float>&, const Settings&, int64_t begin, int64_t end, Placed* out);
  // Blend one tile front to back; returns how many entries of the list were needed.
  uint32_t (*blend)(const TileList&, const Canvas&);
  // Walk those back to front; out[i] gets the sums of entry i.
  void (*blend_backward)(const TileList&, const CanvasGrad&, bool absolute, SplatSums* out);
  // Gradients of `count` footprints that no other call has; returns what they pull on the camera.
  PoseGrad<float> (*project_backward)(const Gaussians&, const View<float>&, const Settings&, const Placed* footprints,
                                      const SplatSums* sums, uint32_t count, const GaussiansGrad&);
};

// Those that this processor can run, fastest first; the last one runs anywhere.
const std::vector<Kernels>& kernels();

}  // namespace splatworld
