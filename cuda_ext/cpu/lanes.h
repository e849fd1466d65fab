// Number<V>: one number per lane, for the templates of include/splatworld. Include only from the files of the
// instruction sets: everything here is local to them, so that the linker cannot mix code for one processor into
// another's.
//
// V has: lanes, F (floats), M (a mask); set, load, store, stream (to whole vectors, past the caches),
// interleave(to, a, b, c) = a0 b0 c0 a1 .., add, sub, mul, div, sqrt, min, max, fma(a, b, c) = a b + c,
// fnma(a, b, c) = c - a b, abs, round, scale(a, n) = a 2^n for whole n where the result is normal, exponent(a, &m) = n
// with a = m 2^n and 0.7 < m <= 1.5; lt, le, eq, both, either, without(a, b) = a and not b, bits, from_bits,
// where(m, a, b), masked(m, a) = a or 0, after(positions, i): those that are greater than i;
// sums(from, to): of the lanes of 16 vectors.
#pragma once

#if defined(_MSC_VER)
#include <intrin.h>
#endif

#include "splatworld/gaussian.h"

namespace splatworld {
namespace {

SW_HD int lowest_bit(uint32_t bits) {
#if defined(_MSC_VER) && !defined(__clang__)
  unsigned long index;
  _BitScanForward(&index, bits);
  return int(index);
#else
  return __builtin_ctz(bits);
#endif
}

SW_HD uint32_t count_bits(uint32_t bits) {
#if defined(_MSC_VER) && !defined(__clang__)
  return __popcnt(bits);
#else
  return uint32_t(__builtin_popcount(bits));
#endif
}

template <class V>
struct Mask {
  typename V::M m;
};

template <class V>
struct Number {
  typename V::F f;
  static Number of(typename V::F f) {
    Number out;
    out.f = f;
    return out;
  }
  Number() = default;
  explicit Number(float a) : f(V::set(a)) {}
};

template <class V>
Number<V> operator+(Number<V> a, Number<V> b) { return Number<V>::of(V::add(a.f, b.f)); }
template <class V>
Number<V> operator-(Number<V> a, Number<V> b) { return Number<V>::of(V::sub(a.f, b.f)); }
template <class V>
Number<V> operator*(Number<V> a, Number<V> b) { return Number<V>::of(V::mul(a.f, b.f)); }
template <class V>
Number<V> operator/(Number<V> a, Number<V> b) { return Number<V>::of(V::div(a.f, b.f)); }
template <class V>
Number<V> operator-(Number<V> a) { return Number<V>::of(V::sub(V::set(0), a.f)); }
template <class V>
Mask<V> operator<(Number<V> a, Number<V> b) { return {V::lt(a.f, b.f)}; }
template <class V>
Mask<V> operator>(Number<V> a, Number<V> b) { return {V::lt(b.f, a.f)}; }
template <class V>
Mask<V> operator<=(Number<V> a, Number<V> b) { return {V::le(a.f, b.f)}; }
template <class V>
Mask<V> operator>=(Number<V> a, Number<V> b) { return {V::le(b.f, a.f)}; }
template <class V>
Mask<V> operator==(Number<V> a, Number<V> b) { return {V::eq(a.f, b.f)}; }
template <class V>
Mask<V> operator&(Mask<V> a, Mask<V> b) { return {V::both(a.m, b.m)}; }

template <class V>
Number<V> chosen(Mask<V> which, Number<V> a, Number<V> b) { return Number<V>::of(V::where(which.m, a.f, b.f)); }
template <class V>
Number<V> root(Number<V> a) { return Number<V>::of(V::sqrt(a.f)); }
template <class V>
Mask<V> finite(Number<V> a) { return a - a == Number<V>(0.0f); }

// Coefficients of 2^x for |x| <= 0.5: least relative error, 1e-7 (fitted for this range).
constexpr float kExp2[6] = {1.00000012f, 0.693146944f, 0.240221202f, 0.0555071309f, 0.00967554189f, 0.00132764713f};

// 2^x for -100 <= x <= 100.
template <class V>
typename V::F exp2_of(typename V::F x) {
  const auto whole = V::round(x), part = V::sub(x, whole);
  auto sum = V::set(kExp2[5]);
  for (int k = 4; k >= 0; --k) sum = V::fma(sum, part, V::set(kExp2[k]));
  return V::scale(sum, whole);
}

// e^x, ending at e^-87 and e^88; the error is 1e-7 of the result.
template <class V>
Number<V> exponential(Number<V> a) {
  const auto x = V::max(V::min(a.f, V::set(88.0f)), V::set(-87.0f));
  const auto whole = V::round(V::mul(x, V::set(1.442695041f)));
  // ln 2 in two parts: the first has few bits, so that its product is exact.
  const auto part = V::fnma(whole, V::set(-2.12194440e-4f), V::fnma(whole, V::set(0.693359375f), x));
  auto sum = V::set(1.0f / 720);
  for (const float k : {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f}) sum = V::fma(sum, part, V::set(k));
  return Number<V>::of(V::scale(sum, whole));
}

// Of positive numbers that are not denormal.
template <class V>
Number<V> logarithm2(Number<V> a) {
  typename V::F mantissa;
  const auto whole = V::exponent(a.f, &mantissa);
  // ln m = 2 artanh((m - 1) / (m + 1))
  const auto one = V::set(1.0f), s = V::div(V::sub(mantissa, one), V::add(mantissa, one)), ss = V::mul(s, s);
  auto sum = V::set(2.885390082f / 9);
  for (const float k : {2.885390082f / 7, 2.885390082f / 5, 2.885390082f / 3, 2.885390082f})
    sum = V::fma(sum, ss, V::set(k));
  return Number<V>::of(V::fma(sum, s, whole));
}

template <class V>
Number<V> arctangent(Number<V> y, Number<V> x) {
  float ys[V::lanes], xs[V::lanes];
  V::store(ys, y.f);
  V::store(xs, x.f);
  for (int lane = 0; lane < V::lanes; ++lane) ys[lane] = atan2f(ys[lane], xs[lane]);
  return Number<V>::of(V::load(ys));
}

template <class V>
Vec3<Number<V>> wide(Vec3<float> v) { return {Number<V>(v.x), Number<V>(v.y), Number<V>(v.z)}; }

template <class V>
View<Number<V>> wide(const View<float>& view) {
  using T = Number<V>;
  const auto& m = view.rotation;
  return {{wide<V>(m.a), wide<V>(m.b), wide<V>(m.c)}, wide<V>(view.translation), wide<V>(view.eye),
          T(view.fx),  T(view.fy),  T(view.cx),      T(view.cy),  T(view.width),  T(view.height)};
}

// Rows of [n Columns] arrays as columns of lanes.
template <class V, int Columns>
struct Block {
  Number<V> column[Columns];
  template <class Row>
  static Block gather(const float* from, int count, Row row) {
    float at[Columns][V::lanes];
    for (int lane = 0; lane < V::lanes; ++lane) {
      const float* source = from + Columns * row(lane < count ? lane : count - 1);
      for (int k = 0; k < Columns; ++k) at[k][lane] = source[k];
    }
    Block out;
    for (int k = 0; k < Columns; ++k) out.column[k] = Number<V>::of(V::load(at[k]));
    return out;
  }
  const Number<V>& operator[](int k) const { return column[k]; }
};

template <class V>
struct StoredRows {
  Block<V, 3> mean, size;
  Block<V, 4> quat;
  Block<V, 1> opacity;

  template <class Row>
  StoredRows(const Gaussians& splats, int count, Row row)
      : mean(Block<V, 3>::gather(splats.means, count, row)),
        size(Block<V, 3>::gather(splats.log_scales, count, row)),
        quat(Block<V, 4>::gather(splats.quats, count, row)),
        opacity(Block<V, 1>::gather(splats.logit_opacities, count, row)) {}

  Row<Number<V>> meant(bool activated) const {
    Vec3<Number<V>> scale = {size[0], size[1], size[2]};
    if (!activated) scale = {exponential(scale.x), exponential(scale.y), exponential(scale.z)};
    return {{mean[0], mean[1], mean[2]}, turn_of(quat[0], quat[1], quat[2], quat[3]), scale,
            activated ? opacity[0] : sigmoid(opacity[0])};
  }
};

}  // namespace
}  // namespace splatworld
