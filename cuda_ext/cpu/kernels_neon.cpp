// Four pixels at a time: every 64-bit ARM processor.
#include <arm_neon.h>

#include "cpu/kernels_impl.h"

namespace splatworld {
namespace {

struct Neon {
  static constexpr int lanes = 4;
  using F = float32x4_t;
  using M = uint32x4_t;  // all bits of a lane set or clear
  static F set(float a) { return vdupq_n_f32(a); }
  static F load(const float* from) { return vld1q_f32(from); }
  static void store(float* to, F a) { vst1q_f32(to, a); }
  static void stream(float* to, F a) { vst1q_f32(to, a); }
  static void interleave(float* to, F a, F b, F c) { vst3q_f32(to, {{a, b, c}}); }
  static F add(F a, F b) { return vaddq_f32(a, b); }
  static F sub(F a, F b) { return vsubq_f32(a, b); }
  static F mul(F a, F b) { return vmulq_f32(a, b); }
  static F div(F a, F b) { return vdivq_f32(a, b); }
  static F sqrt(F a) { return vsqrtq_f32(a); }
  static F abs(F a) { return vabsq_f32(a); }
  // As on x86: where one is no number, the second one. Numbers that are none must not get past an opacity's limit.
  static F min(F a, F b) { return where(lt(a, b), a, b); }
  static F max(F a, F b) { return where(lt(b, a), a, b); }
  static F fma(F a, F b, F c) { return vfmaq_f32(c, a, b); }
  static F fnma(F a, F b, F c) { return vfmsq_f32(c, a, b); }
  static F round(F a) { return vrndnq_f32(a); }
  static F scale(F a, F whole) {
    // Adding to the exponent bits multiplies by 2^whole.
    const int32x4_t shift = vshlq_n_s32(vcvtq_s32_f32(whole), 23);
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(a), shift));
  }
  static F exponent(F a, F* mantissa) {
    const int32x4_t all = vreinterpretq_s32_f32(a), root_half = vdupq_n_s32(0x3f3504f3);
    const int32x4_t whole = vshrq_n_s32(vsubq_s32(all, root_half), 23);
    *mantissa = vreinterpretq_f32_s32(vsubq_s32(all, vshlq_n_s32(whole, 23)));
    return vcvtq_f32_s32(whole);
  }
  static M lt(F a, F b) { return vcltq_f32(a, b); }
  static M le(F a, F b) { return vcleq_f32(a, b); }
  static M eq(F a, F b) { return vceqq_f32(a, b); }
  static M both(M a, M b) { return vandq_u32(a, b); }
  static M either(M a, M b) { return vorrq_u32(a, b); }
  static M without(M a, M b) { return vbicq_u32(a, b); }
  static uint32_t bits(M a) {
    const uint32x4_t lane = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(a, lane));
  }
  static M from_bits(uint32_t bits) {
    const uint32x4_t lane = {1, 2, 4, 8};
    return vtstq_u32(vdupq_n_u32(bits), lane);
  }
  static M after(const int32_t* positions, int32_t i) { return vcgtq_s32(vld1q_s32(positions), vdupq_n_s32(i)); }
  static F where(M m, F a, F b) { return vbslq_f32(m, a, b); }
  static F masked(M m, F a) { return vreinterpretq_f32_u32(vandq_u32(m, vreinterpretq_u32_f32(a))); }

  // to[k] = sum of the lanes of from[k].
  static void sums(const F* from, float* to) {
    for (int k = 0; k < 16; k += 4)
      store(to + k, vpaddq_f32(vpaddq_f32(from[k], from[k + 1]), vpaddq_f32(from[k + 2], from[k + 3])));
  }
};

}  // namespace

Kernels neon_kernels() { return kernels_over<Neon>("neon"); }

}  // namespace splatworld
