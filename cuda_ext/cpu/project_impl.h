// From stored rows to footprints, a splat a lane. Include only from the files of the instruction sets.
#pragma once

#include "cpu/kernels.h"
#include "cpu/lanes.h"

namespace splatworld {
namespace {

template <class V>
Mask<V> finite_rows(const StoredRows<V>& rows, bool activated) {
  using T = Number<V>;
  // 0 * x is 0 unless x is infinite or no number; sums of zeros stay zero.
  const T zero = T(0.0f);
  T sum = zero;
  for (int k = 0; k < 3; ++k) sum = sum + zero * rows.mean[k] + zero * rows.size[k];
  for (int k = 0; k < 4; ++k) sum = sum + zero * rows.quat[k];
  const T opacity = rows.opacity[0];  // logits may be infinite
  return (sum == zero) & (activated ? finite(opacity) : opacity == opacity);
}

// V::lanes splats on the screen; `drawn` may still hold some that miss it.
template <class V>
struct Projection {
  using T = Number<V>;
  Mask<V> finite_row, drawn;
  T x, y, depth, power, a, c, det;
  Whitening<T> white;

  Projection(const StoredRows<V>& rows, const View<T>& view, const Settings& settings) {
    finite_row = finite_rows(rows, settings.activated);
    const Row<T> row = rows.meant(settings.activated);
    const Vec3<T> at = view.rotation * row.mean + view.translation;
    depth = at.z;
    drawn = finite_row & (at.z >= T(settings.near_plane)) & (at.z <= T(settings.far_plane));
    drawn = drawn & (row.opacity >= T(kAlphaMin));
    if (!V::bits(drawn.m)) return;
    const Sight<T> seen = sight(settings.lens, view, at);
    const Shape<T> shape = shape_on_screen(view, seen, rotation_matrix(row.turn), row.scale, T(settings.dilation));
    x = seen.x, y = seen.y, a = shape.a, c = shape.c, det = shape.det;
    // Finite parameters whose projection overflows are too large or too near to be seen as anything.
    drawn = drawn & finite(det) & (det > T(0.0f)) & finite(x) & finite(y);
    const T dim = settings.antialiased ? compensation(shape, T(settings.compensation_floor)) : T(1.0f);
    const T opacity = row.opacity * dim;
    drawn = drawn & (opacity >= T(kAlphaMin));
    power = logarithm2(opacity);
    white = whitening(shape);
    // Roughly, and never too strictly; pixel_box decides.
    const T reach = T(1.0001f / kWhiten) * root(most(power - T(kLog2AlphaMin), T(0.0f)));
    const T reach_x = reach * root(a) + T(1.0f), reach_y = reach * root(c) + T(1.0f);
    drawn = drawn & (x + reach_x >= T(0.0f)) & (x - reach_x <= view.width);
    drawn = drawn & (y + reach_y >= T(0.0f)) & (y - reach_y <= view.height);
  }
};

template <class V>
struct ProjectionLanes {
  enum { kX, kY, kP, kQ, kR, kPower, kDepth, kA, kC, kDet, kCount };
  float of[kCount][V::lanes];

  explicit ProjectionLanes(const Projection<V>& p) {
    const Number<V> numbers[kCount] = {p.x, p.y, p.white.p, p.white.q, p.white.r, p.power, p.depth, p.a, p.c, p.det};
    for (int k = 0; k < kCount; ++k) V::store(of[k], numbers[k].f);
  }
};

// The rest, for one lane.
template <class V>
Fate finish(const ProjectionLanes<V>& lanes, int lane, const Gaussians& splats, int64_t i, const View<float>& view,
            const Settings& settings, Footprint* out) {
  using L = ProjectionLanes<V>;
  const auto at = [&](int k) { return lanes.of[k][lane]; };
  out->x = at(L::kX), out->y = at(L::kY), out->power = at(L::kPower);
  out->p = at(L::kP), out->q = at(L::kQ), out->r = at(L::kR);
  Shape<float> shape{};
  shape.a = at(L::kA), shape.c = at(L::kC), shape.det = at(L::kDet);
  if (!pixel_box(settings, shape, view.width, view.height, out)) return Fate::unseen;
  const Vec3<float> colour = colour_of(splats, i, mean_of(splats, i) - view.eye);
  if (!isfinite(colour.x + colour.y + colour.z)) return Fate::broken;
  const float black = splats.degree < 0 ? -3.4e38f : 0.0f;  // plain colours may be negative
  out->values[0] = most(colour.x, black);
  out->values[1] = most(colour.y, black);
  out->values[2] = most(colour.z, black);
  out->values[3] = at(L::kDepth);
  out->thing = thing_of(splats, i);
  out->splat = uint32_t(i);
  return Fate::drawn;
}

template <class V>
Projected project_range(const Gaussians& splats, const View<float>& view, const Settings& settings, int64_t begin,
                        int64_t end, Placed* out) {
  const auto wide_view = wide<V>(view);
  Projected done;
  for (int64_t i = begin; i < end; i += V::lanes) {
    const int count = int(end - i < V::lanes ? end - i : V::lanes);
    const uint32_t valid = count < 32 ? (1u << count) - 1 : ~0u;
    const StoredRows<V> rows(splats, count, [&](int lane) { return i + lane; });
    const Projection<V> projection(rows, wide_view, settings);
    done.broken += count_bits(valid & ~V::bits(projection.finite_row.m));
    uint32_t drawn = valid & V::bits(projection.drawn.m);
    if (!drawn) continue;
    const ProjectionLanes<V> lanes(projection);
    for (; drawn; drawn &= drawn - 1) {
      const int lane = lowest_bit(drawn);
      const Fate fate = finish<V>(lanes, lane, splats, i + lane, view, settings, out + done.drawn);
      done.drawn += fate == Fate::drawn;
      done.broken += fate == Fate::broken;
    }
  }
  return done;
}

}  // namespace
}  // namespace splatworld
