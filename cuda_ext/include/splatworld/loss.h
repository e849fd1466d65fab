// The pictures that a loss compares, and structural similarity (Wang et al. 2004): for the CPU and CUDA alike.
// Window and constants are the field's: 11 x 11, a Gaussian of sigma 1.5, zeros around the image, values from 0 to 1.
#pragma once

#include <stdint.h>

#include "splatworld/config.h"

namespace splatworld {

// Pictures of `count` cameras, one after the other: h w 3 each.
struct LossImages {
  const float* image;
  const float* target;       // or null, and then
  const uint8_t* target_u8;  // 0 to 255 for 0 to 1
  const float* weights;      // h w, or null: 1 everywhere
  int count, height, width;
  int stride;                // floats from one pixel of `image` to the next: 3; for CUDA it may be more
  float l1_scale, ssim_scale;  // gradient = l1_scale d sum |x - y| + ssim_scale d sum (1 - similarity), weighted
  float* gradient;             // as `image`, or null: not wanted
};

constexpr int kSsimReach = 5;  // px from the middle of the window to its edge
constexpr int kSsimTaps = 2 * kSsimReach + 1;
constexpr float kSsimC1 = 0.01f * 0.01f, kSsimC2 = 0.03f * 0.03f;

// Similarity is for displayed values, mostly 0 to 1: what is far beyond is held here, so that one wild splat does not drown
// its neighbours, and gets no gradient from it. L1 brings it back.
constexpr float kSsimPeak = 10;

SW_HD float ssim_value(float value) { return value > kSsimPeak ? kSsimPeak : value < -kSsimPeak ? -kSsimPeak : value; }

// The window is the product of this with itself; it sums to 1.
SW_HD constexpr float ssim_tap(int i) {
  constexpr float taps[kSsimTaps] = {0.00102838008f, 0.00759875814f, 0.0360007721f, 0.10936069f,
                                     0.213005538f,   0.266011725f,   0.213005538f,  0.10936069f,
                                     0.0360007721f,  0.00759875814f, 0.00102838008f};
  return taps[i];
}

// Means over the window: of the picture x and the target y, of x^2 + y^2, of x y.
struct SsimMeans {
  float x, y, squares, product;
};

// Similarity, and its derivatives for three of those means; the squares' is also that for the mean of x^2.
struct Ssim {
  float value, by_x, by_squares, by_product;
};

SW_HD Ssim ssim_of(const SsimMeans& m) {
  const float luminance = 2 * m.x * m.y + kSsimC1, contrast = 2 * (m.product - m.x * m.y) + kSsimC2;
  const float levels = m.x * m.x + m.y * m.y, around = levels + kSsimC1;
  const float variance = m.squares - levels;  // of both; below 0 only by rounding
  const float spread = (variance > 0 ? variance : 0) + kSsimC2;
  const float over_around = 1 / around, over_spread = 1 / spread;
  const float value = luminance * contrast * over_around * over_spread;
  const float by_x = 2 * m.y * (contrast - luminance) * over_around * over_spread +
                     2 * m.x * value * (over_spread - over_around);
  return {value, by_x, -value * over_spread, 2 * luminance * over_around * over_spread};
}

}  // namespace splatworld
