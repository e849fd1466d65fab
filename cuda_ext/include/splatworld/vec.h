// The little linear algebra that projection needs, for host and device, over any number type T: float, double (finite
// differences), or a vector of floats (one splat a lane). Such a type has + - * /, comparisons that give a mask, and the
// functions under "numbers" below.
#pragma once

#include <math.h>

#include "splatworld/config.h"

namespace splatworld {

// Numbers. Written once for each scalar type, because C++ and CUDA overload them differently.
SW_HD float root(float a) { return sqrtf(a); }
SW_HD double root(double a) { return sqrt(a); }
SW_HD float exponential(float a) { return expf(a); }
SW_HD double exponential(double a) { return exp(a); }
SW_HD float logarithm2(float a) { return log2f(a); }
SW_HD double logarithm2(double a) { return log2(a); }
SW_HD float arctangent(float y, float x) { return atan2f(y, x); }
SW_HD double arctangent(double y, double x) { return atan2(y, x); }
SW_HD float chosen(bool which, float a, float b) { return which ? a : b; }
SW_HD double chosen(bool which, double a, double b) { return which ? a : b; }

template <class T>
SW_HD T least(T a, T b) { return chosen(a < b, a, b); }
template <class T>
SW_HD T most(T a, T b) { return chosen(a > b, a, b); }
template <class T>
SW_HD T clamped(T value, T low, T high) { return least(most(value, low), high); }

template <class T>
struct Vec3 {
  T x, y, z;
};

template <class T>
struct Mat3 {  // rows
  Vec3<T> a, b, c;
};

template <class T>
SW_HD Vec3<T> operator+(Vec3<T> u, Vec3<T> v) { return {u.x + v.x, u.y + v.y, u.z + v.z}; }
template <class T>
SW_HD Vec3<T> operator-(Vec3<T> u, Vec3<T> v) { return {u.x - v.x, u.y - v.y, u.z - v.z}; }
template <class T>
SW_HD Vec3<T> operator*(T s, Vec3<T> v) { return {s * v.x, s * v.y, s * v.z}; }
template <class T>
SW_HD Vec3<T> scaled(Vec3<T> u, Vec3<T> v) { return {u.x * v.x, u.y * v.y, u.z * v.z}; }
template <class T>
SW_HD T dot(Vec3<T> u, Vec3<T> v) { return u.x * v.x + u.y * v.y + u.z * v.z; }
template <class T>
SW_HD Vec3<T> cross(Vec3<T> u, Vec3<T> v) {
  return {u.y * v.z - u.z * v.y, u.z * v.x - u.x * v.z, u.x * v.y - u.y * v.x};
}
template <class T>
SW_HD Vec3<T> operator*(const Mat3<T>& m, Vec3<T> v) { return {dot(m.a, v), dot(m.b, v), dot(m.c, v)}; }
template <class T>
SW_HD Vec3<T> transposed_times(const Mat3<T>& m, Vec3<T> v) { return v.x * m.a + v.y * m.b + v.z * m.c; }
template <class T>
SW_HD Mat3<T> operator+(const Mat3<T>& m, const Mat3<T>& n) { return {m.a + n.a, m.b + n.b, m.c + n.c}; }
template <class T>
SW_HD Mat3<T> outer(Vec3<T> u, Vec3<T> v) { return {u.x * v, u.y * v, u.z * v}; }

}  // namespace splatworld
