// Splats to an image, on the CPU.
#pragma once

#include "cpu/kernels.h"

namespace splatworld {

// The same bits come out whatever the number of threads. Throws std::bad_alloc and nothing else.
void forward(const Gaussians& splats, const View<float>& view, const Settings& settings, const Kernels& kernels, int threads,
             const Image& image);

}  // namespace splatworld
