// One pixel at a time, for any processor.
#include <algorithm>
#include <cmath>

#include "cpu/kernels_impl.h"

namespace splatworld {
namespace {

struct Scalar {
  static constexpr int lanes = 1;
  using F = float;
  using M = bool;
  static F set(float a) { return a; }
  static F load(const float* from) { return *from; }
  static void store(float* to, F a) { *to = a; }
  static void stream(float* to, F a) { *to = a; }
  static void interleave(float* to, F a, F b, F c) { to[0] = a, to[1] = b, to[2] = c; }
  static F add(F a, F b) { return a + b; }
  static F sub(F a, F b) { return a - b; }
  static F mul(F a, F b) { return a * b; }
  static F div(F a, F b) { return a / b; }
  static F sqrt(F a) { return std::sqrt(a); }
  static F abs(F a) { return std::fabs(a); }
  static F min(F a, F b) { return a < b ? a : b; }
  static F max(F a, F b) { return a > b ? a : b; }
  static F fma(F a, F b, F c) { return a * b + c; }
  static F fnma(F a, F b, F c) { return c - a * b; }
  static F round(F a) { return std::nearbyint(a); }
  static F scale(F a, F whole) { return std::ldexp(a, int(whole)); }
  static F exponent(F a, F* mantissa) {
    int whole;
    *mantissa = std::frexp(a, &whole);
    if (*mantissa > 0.75f) return F(whole);
    *mantissa *= 2;
    return F(whole - 1);
  }
  static M lt(F a, F b) { return a < b; }
  static M le(F a, F b) { return a <= b; }
  static M eq(F a, F b) { return a == b; }
  static M both(M a, M b) { return a && b; }
  static M either(M a, M b) { return a || b; }
  static M without(M a, M b) { return a && !b; }
  static uint32_t bits(M a) { return a; }
  static M from_bits(uint32_t bits) { return bits & 1; }
  static M after(const int32_t* positions, int32_t i) { return *positions > i; }
  static F where(M m, F a, F b) { return m ? a : b; }
  static F masked(M m, F a) { return m ? a : 0.0f; }
  static void sums(const F* from, float* to) { std::copy(from, from + 16, to); }
};

}  // namespace

Kernels portable_kernels() { return kernels_over<Scalar>("portable"); }

}  // namespace splatworld
