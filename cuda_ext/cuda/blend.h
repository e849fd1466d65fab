// What blending and its way back share, so that both see the same alphas to the last bit.
#pragma once

#include "cuda/frame.h"

namespace splatworld {

// A warp takes 8x4 pixels of a tile at a time.
constexpr int kPatchColumns = 8, kPatchRows = 4, kPatchPixels = 32, kPatches = kPixels / kPatchPixels;

struct Place {
  int x, y;  // px from the tile's corner
};

// Pixel `number` of a tile in the order of patches: patches by rows, and so the pixels in each.
SW_HD Place place_of(int number) {
  return {(number >> 5 & 1) * kPatchColumns + (number & 7), (number >> 6) * kPatchRows + (number >> 3 & 3)};
}

// What decides the alpha of a splat: Frame::geometry without its numbers.
struct Disc {
  float x, y, p, q, r, power;
};

// log2 alpha, before the clamp, at the centre (x, y) of a pixel. Fused by hand: a compiler may fuse one kernel's and not
// another's. Not a number where centre and shape overflow: compare so that this is "too faint".
SW_HD float log2_alpha(const Disc& disc, float x, float y) {
  const float dx = x - disc.x, dy = y - disc.y;
  const float u = fmaf(disc.p, dx, disc.q * dy), v = disc.r * dy;
  return fmaf(-v, v, fmaf(-u, u, disc.power));
}

// Transmittance behind a splat.
SW_HD float dimmed(float transmittance, float alpha) { return fmaf(-alpha, transmittance, transmittance); }

// Distance from 0 to the interval between a and b.
SW_HD float gap(float a, float b) { return most(most(least(a, b), -most(a, b)), 0.0f); }

// False only where none of columns x rows pixels reaches kAlphaMin; (x, y) is the centre of the first.
SW_HD bool touches(const Disc& disc, float x, float y, int columns, int rows) {
  const float left = x - disc.x, right = left + float(columns - 1), top = y - disc.y, bottom = top + float(rows - 1);
  const float v = disc.r * gap(top, bottom);
  // u = p dx + q dy is linear, so its extremes lie in corners. For a far centre its terms cancel: it gets that much room.
  const float low = disc.q < 0 ? bottom : top, high = disc.q < 0 ? top : bottom;
  const float rough = 1e-6f * (fabsf(disc.p * left) + fabsf(disc.q * top) + disc.p + fabsf(disc.q));
  const float u = most(gap(disc.p * left + disc.q * low, disc.p * right + disc.q * high) - rough, 0.0f);
  const float far = u * u + v * v;
  return !(disc.power - far < kLog2AlphaMin - 1e-4f - 1e-5f * far);
}

SW_HD bool touches_patch(const Disc& disc, float x, float y) {
  return touches(disc, x, y, kPatchColumns, kPatchRows);
}

}  // namespace splatworld
