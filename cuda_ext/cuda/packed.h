// Reading packed splats.
#pragma once

#include "cuda/forward.h"

#if !defined(SW_EMULATED)
#include <cuda_fp16.h>
#endif

namespace splatworld {

struct Halves {
  float number[8];
};

__device__ inline float2 two_halves(unsigned word) {
  __half2 pair;
  memcpy(&pair, &word, sizeof pair);
  return __half22float2(pair);
}

__device__ inline Halves halves(uint4 words) {
  const float2 a = two_halves(words.x), b = two_halves(words.y), c = two_halves(words.z), d = two_halves(words.w);
  return {{a.x, a.y, b.x, b.y, c.x, c.y, d.x, d.y}};
}

// What project() asks of splats.
__device__ inline bool finite_row(const Packed&, int64_t, bool) { return true; }
__device__ inline Vec3<float> mean_of(const Packed& splats, int64_t i) { return vec3(splats.means + 3 * i); }
__device__ inline int32_t thing_of(const Packed&, int64_t) { return 0; }

__device__ inline Row<float> row_of(const Packed& splats, int64_t i, bool) {
  const Halves row = halves(__ldg(splats.shapes + i));
  const float* at = row.number;
  const Vec3<float> scale = {expf(at[4]), expf(at[5]), expf(at[6])};
  return {mean_of(splats, i), turn_of(at[0], at[1], at[2], at[3]), scale, sigmoid(at[7])};
}

template <int kDegree>
__device__ Vec3<float> packed_colour(const uint4* row, Vec3<float> towards) {
  constexpr int kTerms = (kDegree + 1) * (kDegree + 1);
  float basis[kTerms];
  sh_basis(kDegree, direction(towards).unit, basis);
  float sum[3] = {0.5f, 0.5f, 0.5f};
#pragma unroll
  for (int quad = 0; quad < (3 * kTerms + 7) / 8; ++quad) {
    const Halves part = halves(__ldg(row + quad));
#pragma unroll
    for (int i = 0; i < 8; ++i)
      if (8 * quad + i < 3 * kTerms) sum[(8 * quad + i) % 3] += basis[(8 * quad + i) / 3] * part.number[i];
  }
  return {sum[0], sum[1], sum[2]};
}

__device__ inline Vec3<float> colour_of(const Packed& splats, int64_t i, Vec3<float> towards) {
  const uint4* row = splats.sh + splats.quads * i;
  switch (splats.degree) {
    case 0: return packed_colour<0>(row, towards);
    case 1: return packed_colour<1>(row, towards);
    case 2: return packed_colour<2>(row, towards);
    case 3: return packed_colour<3>(row, towards);
    default: return packed_colour<4>(row, towards);
  }
}

// A colour in the place of a footprint's thing and row, which a picture alone has no use for.
__device__ inline float2 packed_rgb(const float* rgb) {
  const __half2 rg = __floats2half2_rn(rgb[0], rgb[1]), b = __floats2half2_rn(rgb[2], 0.0f);
  float2 out;
  memcpy(&out.x, &rg, sizeof rg);
  memcpy(&out.y, &b, sizeof b);
  return out;
}

__device__ inline float4 unpacked_rgb(float rg, float b) {
  const float2 first = two_halves(__float_as_uint(rg)), last = two_halves(__float_as_uint(b));
  return {first.x, first.y, last.x, 0.0f};
}

}  // namespace splatworld
