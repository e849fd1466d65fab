// One pixel at a time, for any processor.
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
  static F add(F a, F b) { return a + b; }
  static F sub(F a, F b) { return a - b; }
  static F mul(F a, F b) { return a * b; }
  static F min(F a, F b) { return a < b ? a : b; }
  static F fma(F a, F b, F c) { return a * b + c; }
  static F fnma(F a, F b, F c) { return c - a * b; }
  static F exp2(F x) { return exp2f(x); }
  static M ge(F a, F b) { return a >= b; }
  static M gt(F a, F b) { return a > b; }
  static M le(F a, F b) { return a <= b; }
  static M both(M a, M b) { return a && b; }
  static M without(M a, M b) { return a && !b; }
  static uint32_t bits(M a) { return a; }
  static M from_bits(uint32_t bits) { return bits & 1; }
  static F where(M m, F a, F b) { return m ? a : b; }
  static F masked(M m, F a) { return m ? a : 0.0f; }
};

}  // namespace

Kernels portable_kernels() { return {"portable", project_range, blend_tile<Scalar>}; }

}  // namespace splatworld
