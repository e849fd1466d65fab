// Projection, the other way round: one thread takes one footprint. Each row is seen once in a band, and bands and
// cameras follow each other on one stream, so adding to a row needs no atomics; the pose is summed in a fixed order.
#include "cuda/backward_chain.h"
#include "cuda/chain.h"

namespace splatworld {
namespace {

__device__ inline uint32_t splat_of(const Frame& frame, uint32_t footprint) {
  return __float_as_uint(frame.geometry[2 * uint64_t(footprint) + 1].w);
}

__device__ inline bool any(float4 a) { return a.x != 0 || a.y != 0 || a.z != 0 || a.w != 0; }

// Gradients of finite parameters are finite: where a number grew too large on the way, there is none.
__device__ inline float finite(float a) { return isfinite(a) ? a : 0.0f; }

__device__ inline void add3(float* to, Vec3<float> what) {
  to[0] += finite(what.x), to[1] += finite(what.y), to[2] += finite(what.z);
}

template <int kDegree>
__device__ inline void add_sh(float* to, const ColourGrad<kDegree>& grad) {
#pragma unroll
  for (int k = 0; k < grad.kTerms; ++k) add3(to + 3 * k, grad.basis[k] * grad.colour);
}

__device__ inline void add_row(int64_t i, const RowGrad<float>& grad, const SplatGrads& out) {
  if (out.means) add3(out.means + 3 * i, grad.mean);
  if (out.log_scales) add3(out.log_scales + 3 * i, grad.scale);
  if (out.logit_opacities) out.logit_opacities[i] += finite(grad.opacity);
  if (!out.quats) return;
#pragma unroll
  for (int k = 0; k < 4; ++k) out.quats[4 * i + k] += finite(grad.quat[k]);
}

template <int kDegree>
__device__ inline void add_splat(const Gaussians& splats, int64_t i, const View<float>& view, const Settings& settings,
                                 const float4* quads, const SplatGrads& out, PoseGrad<float>* pose) {
  FootprintGrad<float> grad = footprint_grad(quads);
  const int64_t sh = int64_t(3) * splats.terms * i;
  const Vec3<float> towards = mean_of(splats, i) - view.eye;
  const ColourGrad<kDegree> colour = colour_backward<kDegree>(splats.sh + sh, towards, grad.colour);
  if (out.sh) add_sh(out.sh + sh, colour);
  grad.colour = colour.colour;
  const Row<float> row = row_of(splats, i, settings.activated);
  add_row(i, project_backward(row, view, settings, grad, colour.direction, pose), out);
  if (!out.abs_centres) return;
  out.abs_centres[2 * i] += finite(quads[1].z), out.abs_centres[2 * i + 1] += finite(quads[1].w);
}

// Sums over the block, in a fixed order, to `part` [kPoseNumbers].
__device__ void sum_block(const float* numbers, float* part) {
  __shared__ float sums[kProjectThreads / kWarp][kPoseNumbers];
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp;
#pragma unroll
  for (int k = 0; k < kPoseNumbers; ++k) {
    float sum = finite(numbers[k]);
    for (int by = kWarp / 2; by > 0; by /= 2) sum += __shfl_xor_sync(kAll, sum, by);
    if (lane == 0) sums[warp][k] = sum;
  }
  __syncthreads();
  if (threadIdx.x < kPoseNumbers) {
    float sum = 0;
    for (unsigned i = 0; i < kProjectThreads / kWarp; ++i) sum += sums[i][threadIdx.x];
    part[threadIdx.x] = sum;
  }
}

template <int kDegree>
__global__ void __launch_bounds__(kProjectThreads)
    project_back(Frame frame, Gaussians splats, Camera camera, Settings settings, BackwardScratch scratch,
                 SplatGrads out) {
  const uint32_t footprint = blockIdx.x * kProjectThreads + threadIdx.x, count = footprints_of(frame);
  if (blockIdx.x * kProjectThreads >= count) return;
  __shared__ View<float> view;
  if (threadIdx.x == 0) view = view_of(camera, frame.width, frame.height);
  __syncthreads();
  PoseGrad<float> pose = {};
  const float4* grad = scratch.grads + kGradQuads * uint64_t(footprint);
  if (footprint < count && (any(grad[0]) || any(grad[1]) || any(grad[2])))
    add_splat<kDegree>(splats, splat_of(frame, footprint), view, settings, grad, out, &pose);
  if (!out.camera_from_world) return;
  const Mat3<float>& r = pose.rotation;
  const Vec3<float>& t = pose.translation;
  const float numbers[kPoseNumbers] = {r.a.x, r.a.y, r.a.z, r.b.x, r.b.y, r.b.z, r.c.x, r.c.y, r.c.z, t.x, t.y, t.z};
  sum_block(numbers, scratch.pose_parts + kPoseNumbers * uint64_t(blockIdx.x));
}

// One warp for each number.
__global__ void sum_pose(Frame frame, const float* parts, float* pose) {
  const unsigned lane = threadIdx.x % kWarp, k = threadIdx.x / kWarp;
  const unsigned count = (footprints_of(frame) + kProjectThreads - 1) / kProjectThreads;
  float sum = 0;
  for (unsigned i = lane; i < count; i += kWarp) sum += parts[kPoseNumbers * uint64_t(i) + k];
  for (int by = kWarp / 2; by > 0; by /= 2) sum += __shfl_xor_sync(kAll, sum, by);
  if (lane == 0) pose[k < 9 ? k / 3 * 4 + k % 3 : (k - 9) * 4 + 3] += sum;
}

__global__ void __launch_bounds__(kBlock)
    move_values(Frame frame, float4* grads, int first, int channels, float* features_grad) {
  const uint32_t footprint = blockIdx.x * kBlock + threadIdx.x;
  if (footprint >= footprints_of(frame)) return;
  float4* from = grads + kGradQuads * uint64_t(footprint) + 2;
  const float4 values = *from;
  *from = {0, 0, 0, 0};
  if (!any(values) || !features_grad) return;
  float* to = features_grad + int64_t(splat_of(frame, footprint)) * channels + first;
  to[0] += finite(values.x);
  if (first + 1 < channels) to[1] += finite(values.y);
  if (first + 2 < channels) to[2] += finite(values.z);
  if (first + 3 < channels) to[3] += finite(values.w);
}

using ProjectBack = void (*)(Frame, Gaussians, Camera, Settings, BackwardScratch, SplatGrads);

ProjectBack project_back_for(int degree) {
  switch (degree) {
    case 0: return project_back<0>;
    case 1: return project_back<1>;
    case 2: return project_back<2>;
    case 3: return project_back<3>;
    case 4: return project_back<4>;
    default: return project_back<-1>;
  }
}

}  // namespace

void features_backward(const Frame& frame, const BackwardScratch& scratch, int first, int channels,
                       float* features_grad, Stream stream) {
  launch(move_values, blocks_for(frame.visible_capacity, kBlock), kBlock, stream, frame, scratch.grads, first, channels,
         features_grad);
}

void project_backward(const Frame& frame, const Gaussians& splats, const Camera& camera, const Settings& settings,
                      const BackwardScratch& scratch, const SplatGrads& out, Stream stream) {
  launch(project_back_for(splats.degree), blocks_for(frame.visible_capacity, kProjectThreads), kProjectThreads, stream,
         frame, splats, camera, settings, scratch, out);
  if (out.camera_from_world)
    launch(sum_pose, 1, kPoseNumbers * kWarp, stream, frame, scratch.pose_parts, out.camera_from_world);
}

}  // namespace splatworld
