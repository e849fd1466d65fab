// Real spherical harmonics in the field's order and signs (splatworld/sh.py says the same in torch), and their gradients.
#pragma once

#include "splatworld/vec.h"

namespace splatworld {

constexpr int kShTerms = 25;  // degree 4

// `d` is a unit vector; (degree + 1)^2 values go to `out`.
template <class T>
SW_HD void sh_basis(int degree, Vec3<T> d, T* out) {
  const T x = d.x, y = d.y, z = d.z;
  out[0] = T(0.28209479f);
  if (degree < 1) return;
  out[1] = T(-0.48860251f) * y;
  out[2] = T(0.48860251f) * z;
  out[3] = T(-0.48860251f) * x;
  if (degree < 2) return;
  const T xx = x * x, yy = y * y, zz = z * z;
  out[4] = T(1.09254843f) * x * y;
  out[5] = T(-1.09254843f) * y * z;
  out[6] = T(0.31539157f) * (T(2.0f) * zz - xx - yy);
  out[7] = T(-1.09254843f) * x * z;
  out[8] = T(0.54627422f) * (xx - yy);
  if (degree < 3) return;
  const T five = T(4.0f) * zz - xx - yy;
  out[9] = T(-0.59004359f) * y * (T(3.0f) * xx - yy);
  out[10] = T(2.89061144f) * x * y * z;
  out[11] = T(-0.45704580f) * y * five;
  out[12] = T(0.37317633f) * z * (T(2.0f) * zz - T(3.0f) * (xx + yy));
  out[13] = T(-0.45704580f) * x * five;
  out[14] = T(1.44530572f) * z * (xx - yy);
  out[15] = T(-0.59004359f) * x * (xx - T(3.0f) * yy);
  if (degree < 4) return;
  const T seven = T(7.0f) * zz - T(1.0f), sevens = T(7.0f) * zz - T(3.0f);
  out[16] = T(2.50334294f) * x * y * (xx - yy);
  out[17] = T(-1.77013077f) * y * z * (T(3.0f) * xx - yy);
  out[18] = T(0.94617470f) * x * y * seven;
  out[19] = T(-0.66904654f) * y * z * sevens;
  out[20] = T(0.10578555f) * (zz * (T(35.0f) * zz - T(30.0f)) + T(3.0f));
  out[21] = T(-0.66904654f) * x * z * sevens;
  out[22] = T(0.47308735f) * (xx - yy) * seven;
  out[23] = T(-1.77013077f) * x * z * (xx - T(3.0f) * yy);
  out[24] = T(0.62583574f) * (xx * (xx - T(3.0f) * yy) - yy * (T(3.0f) * xx - yy));
}

// Gradient for `d` of sum_k weight[k] basis[k](d), each basis function taken as the polynomial above.
template <class T>
SW_HD Vec3<T> sh_basis_backward(int degree, Vec3<T> d, const T* weight) {
  const T zero = T(0.0f), x = d.x, y = d.y, z = d.z;
  Vec3<T> g = {zero, zero, zero};
  if (degree < 1) return g;
  g = T(0.48860251f) * Vec3<T>{-weight[3], -weight[1], weight[2]};
  if (degree < 2) return g;
  const T two = T(2.0f), xx = x * x, yy = y * y, zz = z * z;
  const T a4 = T(1.09254843f) * weight[4], a5 = T(-1.09254843f) * weight[5], a6 = T(0.63078313f) * weight[6];
  const T a7 = T(-1.09254843f) * weight[7], a8 = T(1.09254843f) * weight[8];
  g = g + Vec3<T>{a4 * y - a6 * x + a7 * z + a8 * x, a4 * x + a5 * z - a6 * y - a8 * y,
                  a5 * y + two * a6 * z + a7 * x};
  if (degree < 3) return g;
  const T three = T(3.0f), six = T(6.0f), xy = x * y, xz = x * z, yz = y * z;
  const T a9 = T(-0.59004359f) * weight[9], a10 = T(2.89061144f) * weight[10], a11 = T(-0.45704580f) * weight[11];
  const T a12 = T(0.37317633f) * weight[12], a13 = T(-0.45704580f) * weight[13];
  const T a14 = T(1.44530572f) * weight[14], a15 = T(-0.59004359f) * weight[15];
  g = g + Vec3<T>{a9 * six * xy + a10 * yz - two * a11 * xy - six * a12 * xz +
                      a13 * (T(4.0f) * zz - three * xx - yy) + two * a14 * xz + three * a15 * (xx - yy),
                  three * a9 * (xx - yy) + a10 * xz + a11 * (T(4.0f) * zz - xx - three * yy) - six * a12 * yz -
                      two * a13 * xy - two * a14 * yz - six * a15 * xy,
                  a10 * xy + T(8.0f) * a11 * yz + a12 * (six * zz - three * (xx + yy)) + T(8.0f) * a13 * xz +
                      a14 * (xx - yy)};
  if (degree < 4) return g;
  const T seven = T(7.0f) * zz - T(1.0f), sevens = T(7.0f) * zz - three, last = T(21.0f) * zz - three;
  const T a16 = T(2.50334294f) * weight[16], a17 = T(-1.77013077f) * weight[17], a18 = T(0.94617470f) * weight[18];
  const T a19 = T(-0.66904654f) * weight[19], a20 = T(0.10578555f) * weight[20], a21 = T(-0.66904654f) * weight[21];
  const T a22 = T(0.47308735f) * weight[22], a23 = T(-1.77013077f) * weight[23], a24 = T(0.62583574f) * weight[24];
  const T four = T(4.0f), twelve = T(12.0f), fourteen = T(14.0f);
  return g + Vec3<T>{a16 * y * (three * xx - yy) + six * a17 * xy * z + a18 * y * seven + a21 * z * sevens +
                         two * a22 * x * seven + three * a23 * z * (xx - yy) + a24 * (four * xx * x - twelve * x * yy),
                     a16 * x * (xx - three * yy) + three * a17 * z * (xx - yy) + a18 * x * seven + a19 * z * sevens -
                         two * a22 * y * seven - six * a23 * xy * z + a24 * (four * yy * y - twelve * xx * y),
                     a17 * y * (three * xx - yy) + fourteen * a18 * xy * z + a19 * y * last +
                         a20 * z * (T(140.0f) * zz - T(60.0f)) + a21 * x * last + fourteen * a22 * z * (xx - yy) +
                         a23 * x * (xx - three * yy)};
}

template <class T>
struct Direction {
  Vec3<T> unit;
  T inverse_length;
};

template <class T>
SW_HD Direction<T> direction(Vec3<T> towards) {
  const T inverse = T(1.0f) / most(root(dot(towards, towards)), T(1e-12f));
  return {inverse * towards, inverse};
}

// Gradient through the normalisation of `direction`.
template <class T>
SW_HD Vec3<T> direction_backward(const Direction<T>& d, Vec3<T> grad) {
  return d.inverse_length * (grad - dot(grad, d.unit) * d.unit);
}

}  // namespace splatworld
