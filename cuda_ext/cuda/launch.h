// Starting kernels, for nvcc and for the emulation on the host (cuda/simt.h) alike:
//
//   launch(kernel, blocks, threads, stream, arguments...)   of no blocks: nothing is done
//   zero(pointer, bytes, stream)
//
// Both return at once and throw std::runtime_error where CUDA refuses.
#pragma once

#include <stdint.h>

#include <stdexcept>
#include <string>

#if defined(SW_EMULATED)
#include "cuda/simt.h"
#else
#include <cuda_runtime.h>
#endif

namespace splatworld {

using Stream = cudaStream_t;

inline void succeed(cudaError_t code) {
  if (code != cudaSuccess) throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(code));
}

#if !defined(SW_EMULATED)

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 blocks, dim3 threads, Stream stream, Arguments&&... arguments) {
  if (blocks.x == 0) return;
  cudaLaunchConfig_t config{};
  config.gridDim = blocks;
  config.blockDim = threads;
  config.stream = stream;
  succeed(cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...));
}

inline void zero(void* pointer, size_t bytes, Stream stream) { succeed(cudaMemsetAsync(pointer, 0, bytes, stream)); }

#endif

constexpr unsigned blocks_for(uint64_t items, unsigned threads) { return unsigned((items + threads - 1) / threads); }

}  // namespace splatworld
