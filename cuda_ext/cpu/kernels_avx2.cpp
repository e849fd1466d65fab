// Eight pixels at a time: x86-64 processors since about 2013.
#include <immintrin.h>

#include "cpu/kernels_impl.h"

namespace splatworld {
namespace {

struct Avx2 {
  static constexpr int lanes = 8;
  using F = __m256;
  using M = __m256;  // all bits of a lane set or clear
  static F set(float a) { return _mm256_set1_ps(a); }
  static F load(const float* from) { return _mm256_loadu_ps(from); }
  static void store(float* to, F a) { _mm256_storeu_ps(to, a); }
  static void stream(float* to, F a) { _mm256_stream_ps(to, a); }
  static F add(F a, F b) { return _mm256_add_ps(a, b); }
  static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static F div(F a, F b) { return _mm256_div_ps(a, b); }
  static F sqrt(F a) { return _mm256_sqrt_ps(a); }
  static F abs(F a) { return _mm256_andnot_ps(set(-0.0f), a); }
  static F min(F a, F b) { return _mm256_min_ps(a, b); }
  static F max(F a, F b) { return _mm256_max_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  static F fnma(F a, F b, F c) { return _mm256_fnmadd_ps(a, b, c); }
  static F round(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static F scale(F a, F whole) {
    // Adding to the exponent bits multiplies by 2^whole.
    const __m256i shift = _mm256_slli_epi32(_mm256_cvtps_epi32(whole), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), shift));
  }
  static F exponent(F a, F* mantissa) {
    const __m256i root_half = _mm256_set1_epi32(0x3f3504f3);
    const __m256i whole = _mm256_srai_epi32(_mm256_sub_epi32(_mm256_castps_si256(a), root_half), 23);
    *mantissa = _mm256_castsi256_ps(_mm256_sub_epi32(_mm256_castps_si256(a), _mm256_slli_epi32(whole, 23)));
    return _mm256_cvtepi32_ps(whole);
  }
  static M lt(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
  static M le(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
  static M eq(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
  static M both(M a, M b) { return _mm256_and_ps(a, b); }
  static M either(M a, M b) { return _mm256_or_ps(a, b); }
  static M without(M a, M b) { return _mm256_andnot_ps(b, a); }
  static uint32_t bits(M a) { return uint32_t(_mm256_movemask_ps(a)); }
  static M from_bits(uint32_t bits) {
    const __m256i lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(int(bits)), lane), lane));
  }
  static M after(const int32_t* positions, int32_t i) {
    const __m256i all = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(positions));
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(all, _mm256_set1_epi32(i)));
  }
  static F where(M m, F a, F b) { return _mm256_blendv_ps(b, a, m); }
  static F masked(M m, F a) { return _mm256_and_ps(m, a); }
  static void interleave(float* to, F a, F b, F c) {
    float from[3][lanes];
    store(from[0], a), store(from[1], b), store(from[2], c);
    for (int lane = 0; lane < lanes; ++lane)
      for (int k = 0; k < 3; ++k) to[3 * lane + k] = from[k][lane];
  }

  // to[k] = sum of the lanes of from[k].
  static void sums(const F* from, float* to) {
    for (int k = 0; k < 16; k += 8) {
      const F* a = from + k;
      const F low = _mm256_hadd_ps(_mm256_hadd_ps(a[0], a[1]), _mm256_hadd_ps(a[2], a[3]));
      const F high = _mm256_hadd_ps(_mm256_hadd_ps(a[4], a[5]), _mm256_hadd_ps(a[6], a[7]));
      store(to + k, add(_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31)));
    }
  }
};

}  // namespace

Kernels avx2_kernels() { return kernels_over<Avx2>("avx2"); }

}  // namespace splatworld
