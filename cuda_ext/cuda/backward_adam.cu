// The end of the way back and the optimiser's step in one kernel: a gradient lives in registers and shared memory only.
//
// A thread takes one footprint. The many coefficients of colour are moved by the whole warp, one splat after the other, so
// that neighbouring lanes touch neighbouring numbers: coefficients come into shared memory, each thread puts the gradients
// of its splat in their place, and the warp steps.
#include "cuda/adam.h"
#include "cuda/backward_chain.h"

namespace splatworld {
namespace {

constexpr unsigned kThreads = 128, kAll = 0xffffffffu;
constexpr int kWarp = 32;

enum Kind { kMeans = 0, kQuats = 2, kLogScales = 4, kLogitOpacities = 6, kSh = 8 };

// What each thread needs to step.
struct Stepper {
  AdamSettings settings;
  AdamClock clock;
};

__device__ inline void step_number(const Stepper& stepper, const AdamRow& shared, const Trained& tensor, int64_t at,
                                   float gradient) {
  float value = tensor.value[at], first = tensor.first[at], second = tensor.second[at];
  if (shared.behind) adam_catch_up(shared.missed, &value, &first, &second);
  adam_step(stepper.settings, shared.pace, gradient, &value, &first, &second);
  tensor.value[at] = value, tensor.first[at] = first, tensor.second[at] = second;
}

template <int kWidth>
__device__ inline void step_row(const Stepper& stepper, const Trained& tensor, int64_t row, int kind,
                                const float* gradient) {
  const AdamRow shared = adam_row(stepper.settings, stepper.clock, row, kind, true);
#pragma unroll
  for (int k = 0; k < kWidth; ++k) step_number(stepper, shared, tensor, kWidth * row + k, gradient[k]);
}

__device__ inline void step_shape(const Stepper& stepper, const TrainedSplats& trained, int64_t i,
                                  const RowGrad<float>& grad) {
  const float mean[3] = {grad.mean.x, grad.mean.y, grad.mean.z}, scale[3] = {grad.scale.x, grad.scale.y, grad.scale.z};
  step_row<3>(stepper, trained.means, i, kMeans, mean);
  step_row<4>(stepper, trained.quats, i, kQuats, grad.quat);
  step_row<3>(stepper, trained.log_scales, i, kLogScales, scale);
  step_row<1>(stepper, trained.logit_opacities, i, kLogitOpacities, &grad.opacity);
}

__device__ inline void regularise(const Regularisers& by, const Row<float>& row, bool activated, RowGrad<float>* grad) {
  grad->opacity += by.opacity_weight * (activated ? 1 : row.opacity * (1 - row.opacity));
  grad->scale = grad->scale + by.scale_weight * (activated ? Vec3<float>{1, 1, 1} : row.scale);
}

__device__ inline bool any(float4 a) { return a.x != 0 || a.y != 0 || a.z != 0 || a.w != 0; }

template <int kDegree>
__global__ void __launch_bounds__(kThreads)
    step_footprints(Frame frame, Gaussians splats, Camera camera, Settings settings, const float4* grads,
                    TrainedSplats trained, Regularisers regularisers, Stepper stepper, int32_t* last, float* abs_centres) {
  constexpr int kNumbers = 3 * ColourGrad<kDegree>::kTerms;
  __shared__ View<float> view;
  __shared__ float coefficients[kThreads][kNumbers | 1];  // an odd pitch: threads of a warp are in different banks
  const uint32_t count = footprints_of(frame), first = blockIdx.x * kThreads, footprint = first + threadIdx.x;
  if (first >= count || frame.counters[kOverflow] != 0) return;
  if (threadIdx.x == 0) view = view_of(camera, frame.width, frame.height);
  __syncthreads();

  const float4* quads = grads + kGradQuads * uint64_t(footprint);
  const bool reached = footprint < count && (any(quads[0]) || any(quads[1]) || any(quads[2]));
  const unsigned reached_lanes = __ballot_sync(kAll, reached);
  const uint32_t splat = reached ? __float_as_uint(frame.geometry[2 * uint64_t(footprint) + 1].w) : 0;
  const int lane = int(threadIdx.x) % kWarp, warp_first = int(threadIdx.x) - lane;
  const int width = 3 * splats.terms;
  for (int s = 0; s < kWarp; ++s) {
    const int64_t at = int64_t(width) * __shfl_sync(kAll, splat, s);
    if (!(reached_lanes >> s & 1)) continue;
    for (int k = lane; k < kNumbers; k += kWarp) coefficients[warp_first + s][k] = splats.sh[at + k];
  }
  __syncwarp();

  if (reached) {
    float* mine = coefficients[threadIdx.x];
    FootprintGrad<float> grad = footprint_grad(quads);
    const ColourGrad<kDegree> colour = colour_backward<kDegree>(mine, mean_of(splats, splat) - view.eye, grad.colour);
    grad.colour = colour.colour;
    const Row<float> row = row_of(splats, splat, settings.activated);
    RowGrad<float> moved = project_backward(row, view, settings, grad, colour.direction, (PoseGrad<float>*)nullptr);
    regularise(regularisers, row, settings.activated, &moved);
    step_shape(stepper, trained, splat, moved);
#pragma unroll
    for (int k = 0; k < ColourGrad<kDegree>::kTerms; ++k) {
      const Vec3<float> part = colour.basis[k] * colour.colour;
      mine[3 * k] = part.x, mine[3 * k + 1] = part.y, mine[3 * k + 2] = part.z;
    }
    if (abs_centres) abs_centres[2 * uint64_t(splat)] += quads[1].z, abs_centres[2 * uint64_t(splat) + 1] += quads[1].w;
  }
  __syncwarp();

  for (int s = 0; s < kWarp; ++s) {
    const int64_t row = __shfl_sync(kAll, splat, s);
    if (!(reached_lanes >> s & 1)) continue;
    for (int k = lane; k < width; k += kWarp) {
      const AdamRow shared = adam_row(stepper.settings, stepper.clock, row, kSh + (k >= 3), true);
      step_number(stepper, shared, trained.sh, row * width + k, k < kNumbers ? coefficients[warp_first + s][k] : 0);
    }
  }
  __syncwarp();
  if (reached && last) last[splat] = *stepper.clock.now;
}

using StepFootprints = void (*)(Frame, Gaussians, Camera, Settings, const float4*, TrainedSplats, Regularisers, Stepper,
                                int32_t*, float*);

StepFootprints step_footprints_for(int degree) {
  switch (degree) {
    case 0: return step_footprints<0>;
    case 1: return step_footprints<1>;
    case 2: return step_footprints<2>;
    case 3: return step_footprints<3>;
    case 4: return step_footprints<4>;
    default: return step_footprints<-1>;
  }
}

}  // namespace

void project_backward_adam(const Frame& frame, const Gaussians& splats, const Camera& camera, const Settings& settings,
                           const BackwardScratch& scratch, const TrainedSplats& trained, const Regularisers& regularisers,
                           const AdamSettings& adam, const AdamClock& clock, int32_t* last, float* abs_centres,
                           Stream stream) {
  launch(step_footprints_for(splats.degree), blocks_for(frame.visible_capacity, kThreads), kThreads, stream, frame, splats,
         camera, settings, scratch.grads, trained, regularisers, Stepper{adam, clock}, last, abs_centres);
}

}  // namespace splatworld
