// The little linear algebra that projection needs, for host and device.
#pragma once

#include "splatworld/config.h"

namespace splatworld {

struct Vec3 {
  float x, y, z;
};

struct Mat3 {  // rows
  Vec3 a, b, c;
};

SW_HD Vec3 operator+(Vec3 u, Vec3 v) { return {u.x + v.x, u.y + v.y, u.z + v.z}; }
SW_HD Vec3 operator-(Vec3 u, Vec3 v) { return {u.x - v.x, u.y - v.y, u.z - v.z}; }
SW_HD Vec3 operator*(float s, Vec3 v) { return {s * v.x, s * v.y, s * v.z}; }
SW_HD float dot(Vec3 u, Vec3 v) { return u.x * v.x + u.y * v.y + u.z * v.z; }
SW_HD Vec3 cross(Vec3 u, Vec3 v) {
  return {u.y * v.z - u.z * v.y, u.z * v.x - u.x * v.z, u.x * v.y - u.y * v.x};
}
SW_HD Vec3 operator*(const Mat3& m, Vec3 v) { return {dot(m.a, v), dot(m.b, v), dot(m.c, v)}; }
SW_HD Vec3 transposed_times(const Mat3& m, Vec3 v) { return v.x * m.a + v.y * m.b + v.z * m.c; }

SW_HD float least(float a, float b) { return a < b ? a : b; }
SW_HD float most(float a, float b) { return a > b ? a : b; }
SW_HD float clamped(float value, float low, float high) { return least(most(value, low), high); }

}  // namespace splatworld
