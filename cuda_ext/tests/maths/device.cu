// The same headers compiled for the device: every template once, so that nvcc sees all of it. Never run.
#include "splatworld/gaussian_backward.h"

using namespace splatworld;

template <class T>
__device__ RowGrad<T> there_and_back(const Row<T>& row, const View<T>& view, const Settings& settings,
                                     const T* weight, int degree, PoseGrad<T>* pose) {
  const Vec3<T> at = view.rotation * row.mean + view.translation;
  const Sight<T> seen = sight(settings.lens, view, at);
  const Shape<T> shape = shape_on_screen(view, seen, rotation_matrix(row.turn), row.scale, T(settings.dilation));
  const Whitening<T> white = whitening(shape);
  const Vec3<T> towards = direction(row.mean - view.eye).unit;
  T basis[kShTerms];
  sh_basis(degree, towards, basis);
  const FootprintGrad<T> grad = {seen.x, seen.y, white.p, white.q, white.r, compensation(shape, T(0)), towards, basis[0]};
  return project_backward(row, view, settings, grad, sh_basis_backward(degree, towards, weight), pose);
}

__global__ void in_single(Gaussians splats, View<float> view, Settings settings, Footprint* footprints, Fate* fates) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < splats.count) fates[i] = project(splats, i, view, settings, &footprints[i]);
}

__global__ void in_single_and_back(const Row<float>* rows, View<float> view, Settings settings, const float* weight,
                                   RowGrad<float>* grads, PoseGrad<float>* pose) {
  grads[threadIdx.x] = there_and_back(rows[threadIdx.x], view, settings, weight, 4, pose);
}

__global__ void in_double_and_back(const Row<double>* rows, View<double> view, Settings settings, const double* weight,
                                   RowGrad<double>* grads, PoseGrad<double>* pose) {
  grads[threadIdx.x] = there_and_back(rows[threadIdx.x], view, settings, weight, 4, pose);
}
