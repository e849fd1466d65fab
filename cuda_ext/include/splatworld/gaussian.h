// One Gaussian: from its stored parameters to its footprint on the screen.
//
// The footprint holds a triangular whitening matrix instead of the inverse covariance: with d = pixel - centre,
//   log2 alpha = power - (p dx + q dy)^2 - (r dy)^2.
// A sum of squares never turns negative through rounding, however long and thin the splat is.
#pragma once

#include <math.h>
#include <stdint.h>

#include "splatworld/vec.h"

namespace splatworld {

// Splats as stored: rows of arrays that the caller owns.
struct Gaussians {
  int64_t count;
  const float* means;            // n 3
  const float* quats;            // n 4, wxyz
  const float* log_scales;       // n 3
  const float* logit_opacities;  // n
  const float* sh;               // n k 3
  const int32_t* things;         // n
  int degree;                    // k = (degree + 1)^2
};

// One pinhole camera, OpenCV axes.
struct View {
  Mat3 rotation;  // camera_from_world
  Vec3 translation;
  Vec3 eye;  // world
  float fx, fy, cx, cy;
  int width, height;
};

struct Footprint {
  float x, y;     // centre, px
  float p, q, r;  // whitening, scaled so that exponents are powers of two
  float power;    // log2 of the opacity
  float rgb[3];
  float depth;  // camera z, metres
  int32_t thing;
  uint16_t row_begin, row_end;  // pixel rows that it may touch
};

constexpr float kWhiten = 0.849321800f;  // sqrt(log2(e) / 2): exp(-s/2) = 2^-(kWhiten^2 s)

SW_HD Mat3 rotation_matrix(const float* quat) {
  const float length = sqrtf(quat[0] * quat[0] + quat[1] * quat[1] + quat[2] * quat[2] + quat[3] * quat[3]);
  const float s = 1.0f / most(length, 1e-12f);  // a zero quaternion means no rotation
  const float w = s * quat[0], x = s * quat[1], y = s * quat[2], z = s * quat[3];
  return {{1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)},
          {2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)},
          {2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)}};
}

// Real spherical harmonics in the field's order and signs (splatworld/sh.py says the same in torch).
SW_HD void sh_basis(int degree, Vec3 d, float* out) {
  const float x = d.x, y = d.y, z = d.z;
  out[0] = 0.28209479f;
  if (degree < 1) return;
  out[1] = -0.48860251f * y;
  out[2] = 0.48860251f * z;
  out[3] = -0.48860251f * x;
  if (degree < 2) return;
  const float xx = x * x, yy = y * y, zz = z * z;
  out[4] = 1.09254843f * x * y;
  out[5] = -1.09254843f * y * z;
  out[6] = 0.31539157f * (2 * zz - xx - yy);
  out[7] = -1.09254843f * x * z;
  out[8] = 0.54627422f * (xx - yy);
  if (degree < 3) return;
  out[9] = -0.59004359f * y * (3 * xx - yy);
  out[10] = 2.89061144f * x * y * z;
  out[11] = -0.45704580f * y * (4 * zz - xx - yy);
  out[12] = 0.37317633f * z * (2 * zz - 3 * xx - 3 * yy);
  out[13] = -0.45704580f * x * (4 * zz - xx - yy);
  out[14] = 1.44530572f * z * (xx - yy);
  out[15] = -0.59004359f * x * (xx - 3 * yy);
  if (degree < 4) return;
  out[16] = 2.50334294f * x * y * (xx - yy);
  out[17] = -1.77013077f * y * z * (3 * xx - yy);
  out[18] = 0.94617470f * x * y * (7 * zz - 1);
  out[19] = -0.66904654f * y * z * (7 * zz - 3);
  out[20] = 0.10578555f * (zz * (35 * zz - 30) + 3);
  out[21] = -0.66904654f * x * z * (7 * zz - 3);
  out[22] = 0.47308735f * (xx - yy) * (7 * zz - 1);
  out[23] = -1.77013077f * x * z * (xx - 3 * yy);
  out[24] = 0.62583574f * (xx * (xx - 3 * yy) - yy * (3 * xx - yy));
}

// Colour of coefficients `sh` [k 3] seen along `towards` (any length); false where it is not finite.
SW_HD bool sh_colour(int degree, const float* sh, Vec3 towards, float* rgb) {
  float basis[25];
  const float length = sqrtf(dot(towards, towards));
  sh_basis(degree, (1.0f / most(length, 1e-12f)) * towards, basis);
  const int terms = (degree + 1) * (degree + 1);
  float sum[3] = {0.5f, 0.5f, 0.5f};
  for (int k = 0; k < terms; ++k)
    for (int channel = 0; channel < 3; ++channel) sum[channel] += basis[k] * sh[3 * k + channel];
  for (int channel = 0; channel < 3; ++channel) rgb[channel] = most(sum[channel], 0.0f);
  return isfinite(sum[0] + sum[1] + sum[2]);
}

struct Covariance2 {
  float a, b, c;  // [[a b] [b c]], px^2, dilated
  float det;
};

// EWA splatting (Zwicker et al. 2002) with the Jacobian taken at most kFieldMargin outside the image.
SW_HD Covariance2 projected_covariance(const View& view, Vec3 at, const float* quat, const float* log_scale) {
  const float rz = 1.0f / at.z;
  const float margin_x = kFieldMargin * 0.5f * float(view.width), margin_y = kFieldMargin * 0.5f * float(view.height);
  const float tx = clamped(at.x * rz, -(view.cx + margin_x) / view.fx, (float(view.width) - view.cx + margin_x) / view.fx);
  const float ty = clamped(at.y * rz, -(view.cy + margin_y) / view.fy, (float(view.height) - view.cy + margin_y) / view.fy);
  // Rows of J R_view: how far a step in the world moves the pixel.
  const Vec3 right = (view.fx * rz) * (view.rotation.a - tx * view.rotation.c);
  const Vec3 down = (view.fy * rz) * (view.rotation.b - ty * view.rotation.c);
  const Mat3 axes = rotation_matrix(quat);
  Vec3 u = transposed_times(axes, right), v = transposed_times(axes, down);
  const Vec3 scale = {expf(log_scale[0]), expf(log_scale[1]), expf(log_scale[2])};
  u = {u.x * scale.x, u.y * scale.y, u.z * scale.z};
  v = {v.x * scale.x, v.y * scale.y, v.z * scale.z};
  const float uu = dot(u, u), vv = dot(v, v);
  const Vec3 area = cross(u, v);
  // |u x v|^2 and not uu vv - uv^2: a splat seen edge on keeps a determinant without cancellation.
  const float det = dot(area, area) + kDilation * (uu + vv) + kDilation * kDilation;
  return {uu + kDilation, dot(u, v), vv + kDilation, det};
}

// First and one-past-last pixel whose centre lies within `reach` of `centre`, kept inside the image.
SW_HD bool pixel_range(float centre, float reach, int size, int* begin, int* end) {
  const float slack = 0.01f + 1e-5f * reach;  // the pixel test decides; this must only not be too small
  *begin = int(clamped(ceilf(centre - reach - slack - 0.5f), 0.0f, float(size)));
  *end = int(clamped(floorf(centre + reach + slack - 0.5f) + 1.0f, 0.0f, float(size)));
  return *begin < *end;
}

// False where the splat cannot touch the image, or has parameters that are not numbers.
SW_HD bool project(const Gaussians& splats, int64_t i, const View& view, Footprint* out) {
  const float* mean = splats.means + 3 * i;
  const Vec3 world = {mean[0], mean[1], mean[2]};
  const Vec3 at = view.rotation * world + view.translation;
  if (!(at.z >= kNear && at.z <= kFar)) return false;
  const float opacity = 1.0f / (1.0f + expf(-splats.logit_opacities[i]));
  if (!(opacity >= kAlphaMin)) return false;
  const Covariance2 cov = projected_covariance(view, at, splats.quats + 4 * i, splats.log_scales + 3 * i);
  const float x = view.fx * at.x / at.z + view.cx, y = view.fy * at.y / at.z + view.cy;
  if (!isfinite(cov.det) || !isfinite(x) || !isfinite(y)) return false;

  out->power = log2f(opacity);
  const float reach = sqrtf(most(out->power - kLog2AlphaMin, 0.0f)) / kWhiten;  // standard deviations
  int column_begin, column_end, row_begin, row_end;
  if (!pixel_range(x, reach * sqrtf(cov.a), view.width, &column_begin, &column_end)) return false;
  if (!pixel_range(y, reach * sqrtf(cov.c), view.height, &row_begin, &row_end)) return false;
  const int terms = (splats.degree + 1) * (splats.degree + 1);
  if (!sh_colour(splats.degree, splats.sh + 3 * terms * i, world - view.eye, out->rgb)) return false;

  out->x = x;
  out->y = y;
  out->p = kWhiten * sqrtf(cov.c / cov.det);
  out->q = -cov.b / cov.c * out->p;
  out->r = kWhiten / sqrtf(cov.c);
  out->depth = at.z;
  out->thing = splats.things[i];
  out->row_begin = uint16_t(row_begin);
  out->row_end = uint16_t(row_end);
  return true;
}

}  // namespace splatworld
