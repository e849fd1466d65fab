// Sixteen pixels, a whole row of a tile, at a time.
#include <immintrin.h>

#include "cpu/kernels_impl.h"

namespace splatworld {
namespace {

// Where the lanes of a0 b0 c0 a1 b1 .. come from.
struct Places {
  alignas(64) int32_t from[3][16] = {}, of_ab[3][16] = {};
  __mmask16 is_c[3] = {};
  constexpr Places() {
    for (int i = 0; i < 48; ++i) {
      from[i / 16][i % 16] = i / 3;
      of_ab[i / 16][i % 16] = i / 3 + (i % 3 == 1 ? 16 : 0);
      if (i % 3 == 2) is_c[i / 16] = __mmask16(is_c[i / 16] | 1 << i % 16);
    }
  }
};
constexpr Places kPlaces;

struct Avx512 {
  static constexpr int lanes = 16;
  using F = __m512;
  using M = __mmask16;
  static F set(float a) { return _mm512_set1_ps(a); }
  static F load(const float* from) { return _mm512_loadu_ps(from); }
  static void store(float* to, F a) { _mm512_storeu_ps(to, a); }
  static void stream(float* to, F a) { _mm512_stream_ps(to, a); }
  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F div(F a, F b) { return _mm512_div_ps(a, b); }
  static F sqrt(F a) { return _mm512_sqrt_ps(a); }
  static F abs(F a) { return _mm512_abs_ps(a); }
  static F min(F a, F b) { return _mm512_min_ps(a, b); }
  static F max(F a, F b) { return _mm512_max_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }
  static F round(F a) { return _mm512_roundscale_ps(a, 0); }
  static F scale(F a, F whole) { return _mm512_scalef_ps(a, whole); }
  static F exponent(F a, F* mantissa) {
    // Mantissas from 3/4 to 3/2; the exponent is what is left.
    *mantissa = _mm512_getmant_ps(a, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_src);
    return _mm512_getexp_ps(div(a, *mantissa));
  }
  static M lt(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
  static M le(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
  static M eq(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
  static M both(M a, M b) { return M(a & b); }
  static M either(M a, M b) { return M(a | b); }
  static M without(M a, M b) { return M(a & ~b); }
  static uint32_t bits(M a) { return a; }
  static M from_bits(uint32_t bits) { return M(bits); }
  static M after(const int32_t* positions, int32_t i) {
    return _mm512_cmpgt_epi32_mask(_mm512_loadu_si512(positions), _mm512_set1_epi32(i));
  }
  static F where(M m, F a, F b) { return _mm512_mask_blend_ps(m, b, a); }
  static F masked(M m, F a) { return _mm512_maskz_mov_ps(m, a); }
  static void interleave(float* to, F a, F b, F c) {
    for (int k = 0; k < 3; ++k) {
      const __m512i from = _mm512_load_si512(kPlaces.from[k]), of_ab = _mm512_load_si512(kPlaces.of_ab[k]);
      const F ab = _mm512_permutex2var_ps(a, of_ab, b);
      store(to + lanes * k, _mm512_mask_permutexvar_ps(ab, kPlaces.is_c[k], from, c));
    }
  }

  // to[k] = sum of the lanes of from[k]: vectors are added in pairs, each time half as wide.
  static void sums(const F* from, float* to) {
    F halves[8], quarters[4];
    for (int k = 0; k < 8; ++k)
      halves[k] = add(_mm512_shuffle_f32x4(from[k], from[k + 8], 0x44),
                      _mm512_shuffle_f32x4(from[k], from[k + 8], 0xEE));
    for (int k = 0; k < 4; ++k)
      quarters[k] = add(_mm512_shuffle_f32x4(halves[k], halves[k + 4], 0x88),
                        _mm512_shuffle_f32x4(halves[k], halves[k + 4], 0xDD));
    const F even = add(_mm512_unpacklo_ps(quarters[0], quarters[2]), _mm512_unpackhi_ps(quarters[0], quarters[2]));
    const F odd = add(_mm512_unpacklo_ps(quarters[1], quarters[3]), _mm512_unpackhi_ps(quarters[1], quarters[3]));
    const F all = add(_mm512_unpacklo_ps(even, odd), _mm512_unpackhi_ps(even, odd));
    store(to, _mm512_shuffle_f32x4(all, all, 0xD8));  // blocks came out as 0 8 4 12
  }
};

}  // namespace

Kernels avx512_kernels() { return kernels_over<Avx512>("avx512"); }

}  // namespace splatworld
