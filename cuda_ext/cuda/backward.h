// The way back through a frame: from gradients for the picture to gradients for the splats and the camera.
#pragma once

#include "cuda/forward.h"
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
//   (x, y, p, q), (r, power, sum over pixels and passes of |x|, of |y|), (the pass's four values)
constexpr int kGradQuads = 3;

// Memory for the way back through one frame.
struct BackwardScratch {
  // Of the frame, for a pass over features: the first pass's stay.
  float4 *feature_values, *feature_totals, *feature_checkpoints;
  uint2* items;         // (tile, bucket) with something to do
  uint32_t* item_count;
  float4* grads;        // kGradQuads per footprint: sums over pairs; geometry also over passes
  float* pose_parts;    // kPoseNumbers per kProjectThreads footprints
  // For sums in a fixed order; null where atomics sum as they come.
  float4* records;      // kGradQuads per pair
  uint32_t *keys, *sorted_keys, *numbers, *order;  // per pair: footprints, and pairs by footprint
  Scratch sorting;
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
  float* camera_from_world;  // 4 4
};

constexpr unsigned kProjectThreads = 128;
constexpr int kPoseNumbers = 12;  // rotation by rows, translation

// Gradients of a loss for the images of one camera. Null: zeros.
struct PictureGrads {
  const float* rgb;       // h w 3
  const float* alpha;     // h w
  const float* depth;     // h w
  const float* features;  // h w channels
};

// Where everything lies in `block`; null: only *bytes is right.
BackwardScratch backward_scratch(const Frame& frame, bool deterministic, bool features, void* block, size_t* bytes);

// The whole way, through all passes of a frame that was kept. `frame.totals` must still hold those of the first pass.
void backward(const Frame& frame, const Gaussians& splats, const Camera& camera, const Settings& settings,
              const PictureGrads& picture, const BackwardScratch& scratch, const SplatGrads& out, Stream stream);

// Its parts.

// Lists the work and zeroes the sums: once, before the passes.
void begin_backward(const Frame& frame, const BackwardScratch& scratch, Stream stream);

// Adds the gradients that a pass of the picture has for its footprints to `scratch.grads`.
void blend_backward(const Frame& frame, const ImageGrads& image, const BackwardScratch& scratch, Stream stream);

// Adds the gradients for the values of a pass to channels first .. first + 3 of `features_grad` [n channels], which may
// be null, and zeroes them for the next pass.
void features_backward(const Frame& frame, const BackwardScratch& scratch, int first, int channels,
                       float* features_grad, Stream stream);

// Adds the gradients for the stored parameters and the pose, from those for footprints (values: of the first pass).
void project_backward(const Frame& frame, const Gaussians& splats, const Camera& camera, const Settings& settings,
                      const BackwardScratch& scratch, const SplatGrads& out, Stream stream);

// For sums in a fixed order: the pairs of each footprint, and from `records` to `grads`.
void order_pairs(const Frame& frame, const BackwardScratch& scratch, Stream stream);
void sum_records(const Frame& frame, const BackwardScratch& scratch, Stream stream);

}  // namespace splatworld
