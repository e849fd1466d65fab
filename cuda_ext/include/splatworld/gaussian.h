// One Gaussian: from its stored parameters to its footprint on the screen.
//
// The footprint holds a triangular whitening matrix instead of the inverse covariance: with d = pixel - centre,
//   log2 alpha = power - (p dx + q dy)^2 - (r dy)^2.
// A sum of squares never turns negative through rounding, however long and thin the splat is.
#pragma once

#include <stdint.h>

#include "splatworld/camera.h"
#include "splatworld/sh.h"

namespace splatworld {

// Splats as stored: rows of arrays that the caller owns.
struct Gaussians {
  int64_t count;
  const float* means;            // n 3
  const float* quats;            // n 4, wxyz
  const float* log_scales;       // n 3; standard deviations where Settings::activated
  const float* logit_opacities;  // n; opacities where Settings::activated
  const float* sh;               // n terms 3
  const float* features;         // n channels, or null
  const int32_t* things;         // n, or null
  int degree;                    // the one to evaluate; -1: sh is n 1 3, plain colours
  int terms;                     // coefficients stored for each splat, at least (degree + 1)^2
  int channels;
};

// Kept for blending: 56 bytes.
struct Footprint {
  float x, y;       // centre, px
  float p, q, r;    // whitening, scaled so that exponents are powers of two
  float power;      // log2 of the opacity
  float values[4];  // what is blended: red, green, blue, depth (camera z, metres)
  int32_t thing;
  uint32_t splat;  // its row
  uint16_t row_begin, row_end, column_begin, column_end;  // pixels that it may touch
};

enum class Fate { drawn, unseen, broken };  // broken: parameters that are not finite

constexpr float kWhiten = 0.849321800f;   // sqrt(log2(e) / 2): exp(-s/2) = 2^-(kWhiten^2 s)
constexpr float kLog2E = 1.442695041f;

// A quaternion of any length; zero means no rotation.
template <class T>
struct Turn {
  T w, x, y, z, inverse_length;
};

template <class T>
SW_HD Turn<T> turn_of(T w, T x, T y, T z) {
  const T s = T(1.0f) / most(root(w * w + x * x + y * y + z * z), T(1e-12f));
  return {s * w, s * x, s * y, s * z, s};
}

template <class T>
SW_HD Mat3<T> rotation_matrix(const Turn<T>& t) {
  const T one = T(1.0f), two = T(2.0f), w = t.w, x = t.x, y = t.y, z = t.z;
  return {{one - two * (y * y + z * z), two * (x * y - w * z), two * (x * z + w * y)},
          {two * (x * y + w * z), one - two * (x * x + z * z), two * (y * z - w * x)},
          {two * (x * z - w * y), two * (y * z + w * x), one - two * (x * x + y * y)}};
}

// The shape of a splat on the screen: u and v are the rows of J R_view R S, px per standard deviation.
template <class T>
struct Shape {
  Vec3<T> u, v;
  T b, c;     // u.v, and v.v with the dilation; u.u is only needed for the box
  T a;
  T sharp;    // |u x v|^2: the determinant without the dilation, free of cancellation for a splat seen edge on
  T det;      // with it
};

// EWA splatting (Zwicker et al. 2002).
template <class T>
SW_HD Shape<T> shape_on_screen(const View<T>& view, const Sight<T>& seen, const Mat3<T>& axes, Vec3<T> scale,
                               T dilation) {
  const Vec3<T> right = transposed_times(view.rotation, seen.right), down = transposed_times(view.rotation, seen.down);
  const Vec3<T> u = scaled(transposed_times(axes, right), scale), v = scaled(transposed_times(axes, down), scale);
  const T uu = dot(u, u), vv = dot(v, v);
  const Vec3<T> area = cross(u, v);
  const T sharp = dot(area, area);
  const T det = sharp + dilation * (uu + vv) + dilation * dilation;
  return {u, v, dot(u, v), vv + dilation, uu + dilation, sharp, det};
}

// What dims an antialiased splat: its area before the dilation over that after it.
template <class T>
SW_HD T compensation(const Shape<T>& shape, T floor) { return most(root(shape.sharp / shape.det), floor); }

template <class T>
struct Whitening {
  T p, q, r;
};

template <class T>
SW_HD Whitening<T> whitening(const Shape<T>& shape) {
  const T p = T(kWhiten) * root(shape.c / shape.det);
  return {p, -shape.b / shape.c * p, T(kWhiten) / root(shape.c)};
}

SW_HD Vec3<float> vec3(const float* from) { return {from[0], from[1], from[2]}; }

template <class T>
SW_HD T sigmoid(T a) { return T(1.0f) / (T(1.0f) + exponential(-a)); }

// Colour of coefficients `sh` [k 3] seen along `towards` (any length), before it is cut off at black.
SW_HD Vec3<float> sh_colour(int degree, const float* sh, Vec3<float> towards) {
  if (degree < 0) return vec3(sh);
  float basis[kShTerms];
  sh_basis(degree, direction(towards).unit, basis);
  const int terms = (degree + 1) * (degree + 1);
  Vec3<float> sum = {0.5f, 0.5f, 0.5f};
  for (int k = 0; k < terms; ++k) sum = sum + basis[k] * vec3(sh + 3 * k);
  return sum;
}

// First and one-past-last pixel whose centre lies within `reach` of `centre`, kept inside the image.
SW_HD bool pixel_range(float centre, float reach, int size, int* begin, int* end) {
  const float slack = 0.01f + 1e-5f * reach;  // the pixel test decides; this must only not be too small
  *begin = int(clamped(ceilf(centre - reach - slack - 0.5f), 0.0f, float(size)));
  *end = int(clamped(floorf(centre + reach + slack - 0.5f) + 1.0f, 0.0f, float(size)));
  return *begin < *end;
}

// Inria's rule: the tiles that a square of `reach` touches, whole, and nothing outside them.
SW_HD void cut_to_tiles(float centre, float reach, int* begin, int* end) {
  const float low = floorf((centre - reach) / kTile) * kTile, high = floorf((centre + reach + kTile - 1) / kTile) * kTile;
  if (low > float(*begin)) *begin = int(low);
  if (high < float(*end)) *end = int(most(high, 0.0f));
}

// Pixels that may reach kAlphaMin; false where there are none in the image.
SW_HD bool pixel_box(const Settings& settings, const Shape<float>& shape, float width, float height, Footprint* out) {
  const float reach = root(most(out->power - kLog2AlphaMin, 0.0f)) / kWhiten;  // standard deviations
  const float reach_x = reach * root(shape.a), reach_y = reach * root(shape.c);
  if (settings.radius_clip > 0 && ceilf(reach_x) <= settings.radius_clip && ceilf(reach_y) <= settings.radius_clip)
    return false;
  int columns[2], rows[2];
  if (!pixel_range(out->x, reach_x, int(width), &columns[0], &columns[1])) return false;
  if (!pixel_range(out->y, reach_y, int(height), &rows[0], &rows[1])) return false;
  if (settings.box_sigmas > 0) {
    const float middle = 0.5f * (shape.a + shape.c);
    const float longest = middle + root(most(0.1f, middle * middle - shape.det));
    const float box = ceilf(settings.box_sigmas * root(longest));
    cut_to_tiles(out->x, box, &columns[0], &columns[1]);
    cut_to_tiles(out->y, box, &rows[0], &rows[1]);
    if (columns[0] >= columns[1] || rows[0] >= rows[1]) return false;
  }
  out->column_begin = uint16_t(columns[0]), out->column_end = uint16_t(columns[1]);
  out->row_begin = uint16_t(rows[0]), out->row_end = uint16_t(rows[1]);
  return true;
}

// The stored row of one splat, with scale and opacity as they are meant.
template <class T>
struct Row {
  Vec3<T> mean;
  Turn<T> turn;
  Vec3<T> scale;
  T opacity;
};

SW_HD Row<float> row_of(const Gaussians& splats, int64_t i, bool activated) {
  const float *quat = splats.quats + 4 * i, *size = splats.log_scales + 3 * i;
  const float opacity = splats.logit_opacities[i];
  const Vec3<float> scale = activated ? vec3(size) : Vec3<float>{expf(size[0]), expf(size[1]), expf(size[2])};
  return {vec3(splats.means + 3 * i), turn_of(quat[0], quat[1], quat[2], quat[3]), scale,
          activated ? opacity : sigmoid(opacity)};
}

SW_HD bool finite_row(const Gaussians& splats, int64_t i, bool activated) {
  const float *mean = splats.means + 3 * i, *quat = splats.quats + 4 * i, *size = splats.log_scales + 3 * i;
  // 0 * x is 0 unless x is infinite or no number; sums of zeros stay zero.
  const float sum = 0 * mean[0] + 0 * mean[1] + 0 * mean[2] + 0 * quat[0] + 0 * quat[1] + 0 * quat[2] + 0 * quat[3] +
                    0 * size[0] + 0 * size[1] + 0 * size[2];
  // Logits may be infinite: opacity 0 or 1.
  const float opacity = splats.logit_opacities[i];
  return sum == 0 && (activated ? 0 * opacity == 0 : opacity == opacity);
}

SW_HD Vec3<float> mean_of(const Gaussians& splats, int64_t i) { return vec3(splats.means + 3 * i); }

SW_HD Vec3<float> colour_of(const Gaussians& splats, int64_t i, Vec3<float> towards) {
  return sh_colour(splats.degree, splats.sh + 3 * splats.terms * i, towards);
}

SW_HD int32_t thing_of(const Gaussians& splats, int64_t i) { return splats.things ? splats.things[i] : 0; }

// One splat on one camera's image. Only where it is drawn is `out` complete. `Splats` is Gaussians, or another way to
// store the same that has the five functions above and a degree.
template <class Splats>
SW_HD Fate project(const Splats& splats, int64_t i, const View<float>& view, const Settings& settings, Footprint* out) {
  if (!finite_row(splats, i, settings.activated)) return Fate::broken;
  const Vec3<float> mean = mean_of(splats, i);
  const Vec3<float> at = view.rotation * mean + view.translation;
  if (!(at.z >= settings.near_plane && at.z <= settings.far_plane)) return Fate::unseen;
  const Row<float> row = row_of(splats, i, settings.activated);
  if (!(row.opacity >= kAlphaMin)) return Fate::unseen;
  const Sight<float> seen = sight(settings.lens, view, at);
  const Shape<float> shape = shape_on_screen(view, seen, rotation_matrix(row.turn), row.scale, settings.dilation);
  // Finite parameters whose projection overflows are too large or too near to be seen as anything.
  if (!isfinite(shape.det) || !(shape.det > 0) || !isfinite(seen.x) || !isfinite(seen.y)) return Fate::unseen;
  const float dim = settings.antialiased ? compensation(shape, settings.compensation_floor) : 1.0f;
  if (!(row.opacity * dim >= kAlphaMin)) return Fate::unseen;

  out->x = seen.x, out->y = seen.y;
  out->power = logarithm2(row.opacity * dim);
  if (!pixel_box(settings, shape, view.width, view.height, out)) return Fate::unseen;
  const Vec3<float> colour = colour_of(splats, i, mean - view.eye);
  if (!isfinite(colour.x + colour.y + colour.z)) return Fate::broken;

  const Whitening<float> w = whitening(shape);
  out->p = w.p, out->q = w.q, out->r = w.r;
  const float black = splats.degree < 0 ? -3.4e38f : 0.0f;  // plain colours may be negative
  out->values[0] = most(colour.x, black);
  out->values[1] = most(colour.y, black);
  out->values[2] = most(colour.z, black);
  out->values[3] = at.z;
  out->thing = thing_of(splats, i);
  out->splat = uint32_t(i);
  return Fate::drawn;
}

}  // namespace splatworld
