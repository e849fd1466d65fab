// The way back through a frame: from gradients for the picture to gradients for the splats and the camera.
#pragma once

#include "cuda/frame.h"
#include "splatworld/gaussian_backward.h"

namespace splatworld {

// Gradients of a loss for what one pass gave, each of the whole picture. A null pointer stands for zeros.
struct ImageGrads {
  const float* values;  // h w, `stride` floats apart: the pass's first `channels` values
  int stride, channels;
  const float* depth;   // h w: the fourth value of pass 0
  const float* alpha;   // h w; pass 0 only
};

// Gradients for one footprint or pair, three float4 in a row:
//   (x, y, p, q), (r, power, sum over pixels of |x|, of |y|), (the pass's four values)
constexpr int kGradQuads = 3;

// Memory for one pass; Python owns it.
struct BackwardScratch {
  uint2* items;         // tiles_of(frame) + pair_capacity / kBucket: (tile, bucket) with something to do
  uint32_t* item_count;
  float4* grads;        // kGradQuads per footprint: sums over pairs; geometry also over passes
  float4* records;      // kGradQuads per pair, all zero, for sums in a fixed order; null: atomic sums
  uint32_t* order;      // pair_capacity: with `records`, pairs by footprint
};

// Where gradients for the stored parameters are added up, over bands and cameras. Null: not wanted.
struct SplatGrads {
  float* means;            // n 3
  float* quats;            // n 4
  float* log_scales;       // n 3; for scales where Settings::activated
  float* logit_opacities;  // n; for opacities where Settings::activated
  float* sh;               // n terms 3
  float* features;         // n channels
  float* abs_centres;      // n 2: sums over pixels of |gradient for the centre on the screen| (AbsGS, Ye et al. 2024)
  float* pose;             // 12: rotation by rows, then translation
  float* pose_parts;       // 12 per kProjectThreads footprints of the capacity: room for sums in a fixed order
};

constexpr unsigned kProjectThreads = 128;

// Adds the gradients that a pass of the picture has for its footprints to `scratch.grads`.
void blend_backward(const Frame& frame, const ImageGrads& image, const BackwardScratch& scratch, Stream stream);

// Moves the gradients for the values of pass >= 1 to `features_grad` [n channels], and leaves zeros.
void features_backward(const Frame& frame, float4* grads, int pass, int channels, float* features_grad, Stream stream);

// Adds the gradients for the stored parameters and the pose, from those for footprints (values: of pass 0).
void project_backward(const Frame& frame, const Gaussians& splats, const View<float>& view, const Settings& settings,
                      const float4* grads, const SplatGrads& out, Stream stream);

}  // namespace splatworld
