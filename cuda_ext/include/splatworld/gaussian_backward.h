// The way back: from gradients for a footprint to gradients for the stored parameters and for the camera.
#pragma once

#include "splatworld/gaussian.h"

namespace splatworld {

// Gradients of a loss for what a Footprint holds.
template <class T>
struct FootprintGrad {
  T x, y, p, q, r, power;
  Vec3<T> colour;  // after the cut at black
  T depth;
};

// Gradients for one stored row, features apart. SH coefficients follow from `colour`: d sh[k] = basis[k] colour.
template <class T>
struct RowGrad {
  Vec3<T> mean;
  T quat[4];
  Vec3<T> scale;  // of log_scales, or of scales where Settings::activated
  T opacity;      // of the logit, or of the opacity where Settings::activated
};

// A camera's share of one splat.
template <class T>
struct PoseGrad {
  Mat3<T> rotation;
  Vec3<T> translation;
};

// Gradient for a Shape, from those for the whitening and for log2 of the compensation.
template <class T>
struct ShapeGrad {
  Vec3<T> u, v;
};

template <class T>
SW_HD ShapeGrad<T> shape_backward(const Shape<T>& s, T dilation, T p_grad, T q_grad, T r_grad, T dim_grad) {
  const T half = T(0.5f), two = T(2.0f);
  const Whitening<T> w = whitening(s);
  const T slope = s.b / s.c;  // q = -(b / c) p; and c^2 may overflow
  const T p_all = p_grad - q_grad * slope;
  const T b = -q_grad * w.p / s.c;
  const T c = half / s.c * (p_all * w.p - r_grad * w.r) + q_grad * slope * w.p / s.c;
  const T log_det = -half * (p_all * w.p + T(kLog2E) * dim_grad);  // gradient for ln det
  const T det = log_det / s.det;
  // A compensation above its floor is above 0, and so is `sharp`.
  const T sharp = det + chosen(dim_grad == T(0.0f), T(0.0f), half * T(kLog2E) * dim_grad / s.sharp);
  const Vec3<T> area = two * sharp * cross(s.u, s.v);
  const T uu = two * dilation * det, vv = uu + two * c;
  return {cross(s.v, area) + uu * s.u + b * s.v, cross(area, s.u) + vv * s.v + b * s.u};
}

template <class T>
SW_HD void turn_backward(const Turn<T>& t, const Mat3<T>& g, T* quat) {
  const T two = T(2.0f), four = T(4.0f), w = t.w, x = t.x, y = t.y, z = t.z;
  const T gw = two * (x * (g.c.y - g.b.z) + y * (g.a.z - g.c.x) + z * (g.b.x - g.a.y));
  const T gx = two * (w * (g.c.y - g.b.z) + y * (g.a.y + g.b.x) + z * (g.a.z + g.c.x)) - four * x * (g.b.y + g.c.z);
  const T gy = two * (w * (g.a.z - g.c.x) + x * (g.a.y + g.b.x) + z * (g.b.z + g.c.y)) - four * y * (g.a.x + g.c.z);
  const T gz = two * (w * (g.b.x - g.a.y) + x * (g.a.z + g.c.x) + y * (g.b.z + g.c.y)) - four * z * (g.a.x + g.b.y);
  // Only what is across the quaternion counts: its length is divided out.
  const T along = gw * w + gx * x + gy * y + gz * z, s = t.inverse_length;
  quat[0] = s * (gw - along * w), quat[1] = s * (gx - along * x);
  quat[2] = s * (gy - along * y), quat[3] = s * (gz - along * z);
}

// `direction_grad` is the gradient for the unit direction in which the splat is seen (sh_basis_backward; zero for degree 0
// and plain colours). `pose` may be null.
template <class T>
SW_HD RowGrad<T> project_backward(const Row<T>& row, const View<T>& view, const Settings& settings,
                                  const FootprintGrad<T>& grad, Vec3<T> direction_grad, PoseGrad<T>* pose) {
  const T dilation = T(settings.dilation);
  const Vec3<T> at = view.rotation * row.mean + view.translation;
  const Sight<T> seen = sight(settings.lens, view, at);
  const Mat3<T> axes = rotation_matrix(row.turn);
  const Shape<T> shape = shape_on_screen(view, seen, axes, row.scale, dilation);

  T dim_grad = T(0.0f);
  if (settings.antialiased)
    dim_grad = chosen(root(shape.sharp / shape.det) > T(settings.compensation_floor), grad.power, T(0.0f));
  const ShapeGrad<T> rows = shape_backward(shape, dilation, grad.p, grad.q, grad.r, dim_grad);

  RowGrad<T> out;
  // u = S axes^T right, and so for v and down.
  const Vec3<T> right = transposed_times(view.rotation, seen.right), down = transposed_times(view.rotation, seen.down);
  const Vec3<T> u = scaled(rows.u, row.scale), v = scaled(rows.v, row.scale);
  turn_backward(row.turn, outer(right, u) + outer(down, v), out.quat);
  const Vec3<T> scale_grad = scaled(rows.u, transposed_times(axes, right)) + scaled(rows.v, transposed_times(axes, down));
  out.scale = settings.activated ? scale_grad : scaled(scale_grad, row.scale);
  // power = log2 opacity
  out.opacity = T(kLog2E) * grad.power * (settings.activated ? T(1.0f) / row.opacity : T(1.0f) - row.opacity);

  const Vec3<T> right_grad = axes * u, down_grad = axes * v;  // world
  const Sight<T> seen_grad = {grad.x, grad.y, view.rotation * right_grad, view.rotation * down_grad};
  Vec3<T> at_grad = sight_backward(settings.lens, view, at, seen_grad);
  at_grad.z = at_grad.z + grad.depth;
  // Colours near the largest number overflow on the way back: such a splat is not moved for their sake.
  const T zero = T(0.0f), finite = dot(direction_grad, Vec3<T>{zero, zero, zero});
  const Vec3<T> turned = {chosen(finite == zero, direction_grad.x, zero), chosen(finite == zero, direction_grad.y, zero),
                          chosen(finite == zero, direction_grad.z, zero)};
  const Vec3<T> towards_grad = direction_backward(direction(row.mean - view.eye), turned);
  out.mean = transposed_times(view.rotation, at_grad) + towards_grad;

  if (pose) {
    // The eye is -R^T t, and a splat is seen along mean - eye.
    pose->rotation = outer(seen.right, right_grad) + outer(seen.down, down_grad) + outer(at_grad, row.mean) +
                     outer(view.translation, towards_grad);
    pose->translation = at_grad + view.rotation * towards_grad;
  }
  return out;
}

}  // namespace splatworld
