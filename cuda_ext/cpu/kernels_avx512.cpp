// Sixteen pixels, a whole row of a tile, at a time.
#include <immintrin.h>

#include "cpu/kernels_impl.h"

namespace splatworld {
namespace {

struct Avx512 {
  static constexpr int lanes = 16;
  using F = __m512;
  using M = __mmask16;
  static F set(float a) { return _mm512_set1_ps(a); }
  static F load(const float* from) { return _mm512_loadu_ps(from); }
  static void store(float* to, F a) { _mm512_storeu_ps(to, a); }
  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F min(F a, F b) { return _mm512_min_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }
  static F exp2(F x) {
    const F whole = _mm512_roundscale_ps(x, 0);
    const F part = sub(x, whole);
    F sum = set(kExp2[5]);
    for (int k = 4; k >= 0; --k) sum = fma(sum, part, set(kExp2[k]));
    return _mm512_scalef_ps(sum, whole);
  }
  static M ge(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
  static M gt(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
  static M le(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
  static M both(M a, M b) { return M(a & b); }
  static M without(M a, M b) { return M(a & ~b); }
  static uint32_t bits(M a) { return a; }
  static M from_bits(uint32_t bits) { return M(bits); }
  static F where(M m, F a, F b) { return _mm512_mask_blend_ps(m, b, a); }
  static F masked(M m, F a) { return _mm512_maskz_mov_ps(m, a); }
};

}  // namespace

Kernels avx512_kernels() { return {"avx512", project_range, blend_tile<Avx512>}; }

}  // namespace splatworld
