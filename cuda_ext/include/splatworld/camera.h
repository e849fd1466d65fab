// From a point in front of a camera to a pixel, how fast the pixel moves with the point, and the gradients of both.
#pragma once

#include "splatworld/vec.h"

namespace splatworld {

// One camera, OpenCV axes: x right, y down, z forward; pixel centres at +0.5.
template <class T>
struct View {
  Mat3<T> rotation;  // camera_from_world
  Vec3<T> translation;
  Vec3<T> eye;  // world
  T fx, fy, cx, cy;
  T width, height;  // px of the whole image, also where only a part of it is drawn
};

// Where a point falls, px, and the rows of the Jacobian there, px per metre along the camera's axes.
template <class T>
struct Sight {
  T x, y;
  Vec3<T> right, down;
};

// The pinhole Jacobian is taken at most kFieldMargin outside the image (EWA splatting would blow up there).
template <class T>
struct Field {
  T x, y;            // tangents, held inside
  T inside_x, inside_y;  // 1, or 0 where held
};

template <class T>
SW_HD Field<T> field_of_view(const View<T>& view, T tan_x, T tan_y) {
  const T margin_x = T(0.5f * kFieldMargin) * view.width, margin_y = T(0.5f * kFieldMargin) * view.height;
  const T x = clamped(tan_x, -(view.cx + margin_x) / view.fx, (view.width - view.cx + margin_x) / view.fx);
  const T y = clamped(tan_y, -(view.cy + margin_y) / view.fy, (view.height - view.cy + margin_y) / view.fy);
  return {x, y, chosen(x == tan_x, T(1.0f), T(0.0f)), chosen(y == tan_y, T(1.0f), T(0.0f))};
}

// Equidistant fisheye: the distance from the centre of the image grows with the angle `theta` from the axis.
template <class T>
struct Bearing {
  T flat;      // sqrt(x^2 + y^2), kept above 0
  T stretch;   // theta / flat
  T slope;     // d stretch / d flat, over flat
  T inverse;   // 1 / |at|^2
};

template <class T>
SW_HD Bearing<T> bearing(Vec3<T> at) {
  const T flat = most(root(at.x * at.x + at.y * at.y), T(1e-6f) * at.z);
  const T inverse = T(1.0f) / (flat * flat + at.z * at.z);
  const T stretch = arctangent(flat, at.z) / flat;
  // d(theta/flat)/dflat = (z / |at|^2 - theta / flat) / flat. The difference cancels near the axis: take its series.
  const T ratio = flat / at.z, square = ratio * ratio;
  const T series = T(-2.0f / 3) + square * (T(0.8f) + square * (T(-6.0f / 7) + square * T(8.0f / 9)));
  const T exact = (at.z * inverse - stretch) / (flat * flat);
  const T slope = chosen(ratio < T(0.15f), series / (at.z * at.z * at.z), exact);
  return {flat, stretch, slope, inverse};
}

template <class T>
SW_HD Sight<T> sight(Lens lens, const View<T>& view, Vec3<T> at) {
  const T zero = T(0.0f);
  if (lens == Lens::orthographic)
    return {view.fx * at.x + view.cx, view.fy * at.y + view.cy, {view.fx, zero, zero}, {zero, view.fy, zero}};
  if (lens == Lens::fisheye) {
    const Bearing<T> b = bearing(at);
    const T mixed = b.slope * at.x * at.y;
    return {view.fx * b.stretch * at.x + view.cx,
            view.fy * b.stretch * at.y + view.cy,
            view.fx * Vec3<T>{b.stretch + b.slope * at.x * at.x, mixed, -b.inverse * at.x},
            view.fy * Vec3<T>{mixed, b.stretch + b.slope * at.y * at.y, -b.inverse * at.y}};
  }
  const T rz = T(1.0f) / at.z;
  const Field<T> held = field_of_view(view, at.x * rz, at.y * rz);
  return {view.fx * at.x * rz + view.cx,
          view.fy * at.y * rz + view.cy,
          {view.fx * rz, zero, -view.fx * rz * held.x},
          {zero, view.fy * rz, -view.fy * rz * held.y}};
}

// Gradient of a loss for the point, from its gradients for what `sight` gave.
template <class T>
SW_HD Vec3<T> sight_backward(Lens lens, const View<T>& view, Vec3<T> at, const Sight<T>& grad) {
  const T zero = T(0.0f);
  if (lens == Lens::orthographic) return {view.fx * grad.x, view.fy * grad.y, zero};
  if (lens == Lens::fisheye) {
    const Sight<T> seen = sight(lens, view, at);
    Vec3<T> out = grad.x * seen.right + grad.y * seen.down;
    // The Jacobian's own slope: with s = slope, t = stretch, i = inverse and f = flat,
    //   dt/dx = s x,  dt/dz = -i,  di/dx = -2 i^2 x,  di/dz = -2 i^2 z,
    //   ds/dx = bend x with bend = (ds/df) / f,  ds/dz = (i' - dt/dz) / f^2 = 2 i^2.
    const Bearing<T> b = bearing(at);
    const T ratio = b.flat / at.z, square = ratio * ratio, far = at.z * at.z * at.z * at.z * at.z;
    const T exact = (T(-2.0f) * at.z * b.inverse * b.inverse - T(3.0f) * b.slope) / (b.flat * b.flat);
    const T series = T(1.6f) + square * (T(-24.0f / 7) + square * (T(16.0f / 3) - square * T(80.0f / 11)));
    const T bend = chosen(ratio < T(0.2f), series / far, exact);
    const T steep = T(2.0f) * b.inverse * b.inverse;
    const Vec3<T> gu = view.fx * grad.right, gv = view.fy * grad.down;
    const T stretch = gu.x + gv.y;
    const T slope = gu.x * at.x * at.x + (gu.y + gv.x) * at.x * at.y + gv.y * at.y * at.y;
    const T inverse = -(gu.z * at.x + gv.z * at.y);
    const T radial = stretch * b.slope + slope * bend - inverse * steep;
    out.x = out.x + radial * at.x + b.slope * (T(2.0f) * gu.x * at.x + (gu.y + gv.x) * at.y) - b.inverse * gu.z;
    out.y = out.y + radial * at.y + b.slope * (T(2.0f) * gv.y * at.y + (gu.y + gv.x) * at.x) - b.inverse * gv.z;
    out.z = out.z - stretch * b.inverse + slope * steep - inverse * steep * at.z;
    return out;
  }
  const T rz = T(1.0f) / at.z;
  const Field<T> held = field_of_view(view, at.x * rz, at.y * rz);
  const T gx = view.fx * rz * (grad.x - held.inside_x * rz * grad.right.z);
  const T gy = view.fy * rz * (grad.y - held.inside_y * rz * grad.down.z);
  // All entries of the Jacobian shrink with 1/z; the tangents do too where they are not held.
  const T shrink_u = view.fx * rz * rz * (grad.right.x - held.x * grad.right.z * (T(1.0f) + held.inside_x));
  const T shrink_v = view.fy * rz * rz * (grad.down.y - held.y * grad.down.z * (T(1.0f) + held.inside_y));
  const T slide = rz * rz * (view.fx * at.x * grad.x + view.fy * at.y * grad.y);
  return {gx, gy, -(shrink_u + shrink_v + slide)};
}

}  // namespace splatworld
