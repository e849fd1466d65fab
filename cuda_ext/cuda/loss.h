// L1 + SSIM and its gradient on the device. Nothing waits, and the sums are taken in a fixed order.
#pragma once

#include "cuda/launch.h"
#include "splatworld/loss.h"

namespace splatworld {

// Floats that `loss` needs for its own use.
uint64_t loss_scratch(int count, int height, int width, bool gradient);

// sums: loss, mean of |x - y|, mean of 1 - similarity; three floats.
void loss(const LossImages& images, float* scratch, float* sums, Stream stream);

}  // namespace splatworld
