// From gradients for footprints to gradients for stored rows, a splat a lane. Include only from the files of the
// instruction sets.
#pragma once

#include "cpu/kernels.h"
#include "cpu/lanes.h"

namespace splatworld {
namespace {

constexpr float kLn2 = 0.693147181f;

// Gradients for x, y, p, q, r and power from the sums over pixels:
//   log2 alpha = power - t^2 - (r dy)^2 with t = p dx + q dy.
template <class V>
FootprintGrad<Number<V>> footprint_grad(const Placed* footprints, const SplatSums* sums, int count) {
  using T = Number<V>;
  float shape[3][V::lanes], sum[SplatSums::kCount][V::lanes];
  for (int lane = 0; lane < V::lanes; ++lane) {
    const int from = lane < count ? lane : count - 1;
    shape[0][lane] = footprints[from].p, shape[1][lane] = footprints[from].q, shape[2][lane] = footprints[from].r;
    for (int k = 0; k < SplatSums::kCount; ++k) sum[k][lane] = sums[from].of[k];
  }
  const auto S = [&](int k) { return T(kLn2) * T::of(V::load(sum[k])); };
  const auto value = [&](int k) { return T::of(V::load(sum[SplatSums::kValues + k])); };
  const T p = T::of(V::load(shape[0])), q = T::of(V::load(shape[1])), r = T::of(V::load(shape[2])), two = T(2.0f);
  const T vt = S(SplatSums::kVT);
  FootprintGrad<T> out;
  out.x = two * p * vt;
  out.y = two * q * vt + two * r * r * S(SplatSums::kVY);
  out.p = T(-2.0f) * S(SplatSums::kVTX);
  out.q = T(-2.0f) * S(SplatSums::kVTY);
  out.r = T(-2.0f) * r * S(SplatSums::kVYY);
  out.power = S(SplatSums::kV);
  out.colour = {value(0), value(1), value(2)};
  out.depth = value(3);
  return out;
}

// Gradients for the coefficients, and for the unit direction in which the splat is seen.
SW_HD Vec3<float> sh_backward(const Gaussians& splats, int64_t i, Vec3<float> eye, Vec3<float> colour, float* sh_grad) {
  const float* sh = splats.sh + 3 * splats.terms * i;
  if (sh_grad) sh_grad += 3 * splats.terms * i;
  if (splats.degree < 0) {
    if (sh_grad) sh_grad[0] += colour.x, sh_grad[1] += colour.y, sh_grad[2] += colour.z;
    return {0, 0, 0};
  }
  const Vec3<float> towards = vec3(splats.means + 3 * i) - eye, unit = direction(towards).unit;
  float basis[kShTerms], weight[kShTerms];
  sh_basis(splats.degree, unit, basis);
  const int terms = (splats.degree + 1) * (splats.degree + 1);
  Vec3<float> raw = {0.5f, 0.5f, 0.5f};
  for (int k = 0; k < terms; ++k) raw = raw + basis[k] * vec3(sh + 3 * k);
  // Colours cut off at black do not move; black itself does, or what is stored black would stay so for ever.
  colour = {raw.x >= 0 ? colour.x : 0.0f, raw.y >= 0 ? colour.y : 0.0f, raw.z >= 0 ? colour.z : 0.0f};
  for (int k = 0; k < terms; ++k) {
    weight[k] = dot(vec3(sh + 3 * k), colour);
    if (!sh_grad) continue;
    sh_grad[3 * k] += basis[k] * colour.x;
    sh_grad[3 * k + 1] += basis[k] * colour.y;
    sh_grad[3 * k + 2] += basis[k] * colour.z;
  }
  return sh_basis_backward(splats.degree, unit, weight);
}

template <class V>
Vec3<Number<V>> direction_grads(const Gaussians& splats, Vec3<float> eye, const Placed* footprints,
                                const SplatSums* sums, int count, float* sh_grad) {
  float grad[3][V::lanes] = {};
  for (int lane = 0; lane < count; ++lane) {
    const Vec3<float> colour = vec3(sums[lane].of + SplatSums::kValues);
    const Vec3<float> one = sh_backward(splats, footprints[lane].splat, eye, colour, sh_grad);
    grad[0][lane] = one.x, grad[1][lane] = one.y, grad[2][lane] = one.z;
  }
  return {Number<V>::of(V::load(grad[0])), Number<V>::of(V::load(grad[1])), Number<V>::of(V::load(grad[2]))};
}

// Gradients of finite parameters are finite: where a number grew too large on the way, there is none.
template <class V, int Columns>
void add_rows(float* to, const Number<V> (&columns)[Columns], const Placed* footprints, int count) {
  if (!to) return;
  float lane_of[Columns][V::lanes];
  for (int k = 0; k < Columns; ++k) V::store(lane_of[k], V::masked(finite(columns[k]).m, columns[k].f));
  for (int lane = 0; lane < count; ++lane)
    for (int k = 0; k < Columns; ++k) to[int64_t(Columns) * footprints[lane].splat + k] += lane_of[k][lane];
}

template <class V>
float total(Number<V> a, int count) {
  float lanes[V::lanes], sum = 0;
  V::store(lanes, V::masked(finite(a).m, a.f));
  for (int lane = 0; lane < count; ++lane) sum += lanes[lane];
  return sum;
}

template <class V>
Vec3<float> total(const Vec3<Number<V>>& a, int count) {
  return {total(a.x, count), total(a.y, count), total(a.z, count)};
}

template <class V>
PoseGrad<float> project_backward_range(const Gaussians& splats, const View<float>& view, const Settings& settings,
                                       const Placed* footprints, const SplatSums* sums, uint32_t all,
                                       const GaussiansGrad& grads) {
  using T = Number<V>;
  const auto wide_view = wide<V>(view);
  PoseGrad<float> pose{};
  for (uint32_t begin = 0; begin < all; begin += V::lanes, footprints += V::lanes, sums += V::lanes) {
    const int count = int(all - begin < uint32_t(V::lanes) ? all - begin : V::lanes);
    const StoredRows<V> rows(splats, count, [&](int lane) { return int64_t(footprints[lane].splat); });
    const FootprintGrad<T> grad = footprint_grad<V>(footprints, sums, count);
    const Vec3<T> towards = direction_grads<V>(splats, view.eye, footprints, sums, count, grads.sh);
    PoseGrad<T> pull;
    const RowGrad<T> row = project_backward(rows.meant(settings.activated), wide_view, settings, grad, towards, &pull);
    add_rows<V, 3>(grads.means, {row.mean.x, row.mean.y, row.mean.z}, footprints, count);
    add_rows<V, 4>(grads.quats, {row.quat[0], row.quat[1], row.quat[2], row.quat[3]}, footprints, count);
    add_rows<V, 3>(grads.log_scales, {row.scale.x, row.scale.y, row.scale.z}, footprints, count);
    add_rows<V, 1>(grads.logit_opacities, {row.opacity}, footprints, count);
    for (int lane = 0; lane < count && grads.absolute; ++lane) {
      float* to = grads.absolute + 2 * int64_t(footprints[lane].splat);
      for (int k = 0; k < 2; ++k) to[k] += 2 * kLn2 * sums[lane].of[SplatSums::kAbsoluteX + k];
    }
    const Mat3<T>& turn = pull.rotation;
    pose.rotation = pose.rotation + Mat3<float>{total(turn.a, count), total(turn.b, count), total(turn.c, count)};
    pose.translation = pose.translation + total(pull.translation, count);
  }
  return pose;
}

}  // namespace
}  // namespace splatworld
