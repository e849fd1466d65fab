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
  static F add(F a, F b) { return _mm256_add_ps(a, b); }
  static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static F min(F a, F b) { return _mm256_min_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  static F fnma(F a, F b, F c) { return _mm256_fnmadd_ps(a, b, c); }
  static F exp2(F x) {
    const F whole = _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const F part = sub(x, whole);
    F sum = set(kExp2[5]);
    for (int k = 4; k >= 0; --k) sum = fma(sum, part, set(kExp2[k]));
    // Adding to the exponent bits multiplies by 2^whole.
    const __m256i shift = _mm256_slli_epi32(_mm256_cvtps_epi32(whole), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(sum), shift));
  }
  static M ge(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); }
  static M gt(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
  static M le(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
  static M both(M a, M b) { return _mm256_and_ps(a, b); }
  static M without(M a, M b) { return _mm256_andnot_ps(b, a); }
  static uint32_t bits(M a) { return uint32_t(_mm256_movemask_ps(a)); }
  static M from_bits(uint32_t bits) {
    const __m256i lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(int(bits)), lane), lane));
  }
  static F where(M m, F a, F b) { return _mm256_blendv_ps(b, a, m); }
  static F masked(M m, F a) { return _mm256_and_ps(m, a); }
};

}  // namespace

Kernels avx2_kernels() { return {"avx2", project_range, blend_tile<Avx2>}; }

}  // namespace splatworld
