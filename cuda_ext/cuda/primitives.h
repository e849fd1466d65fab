// What we take from a library: CUB with nvcc, the standard library in the emulation.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cuda/launch.h"

namespace splatworld {

struct Scratch {
  void* at;
  size_t bytes;
};

// Bytes of scratch that sort_pairs needs. Key is uint16_t or uint32_t.
template <class Key>
size_t sort_scratch(uint32_t count);

// Sort by the lowest `bits` bits of the keys; equal keys stay in order. All four arrays are apart.
template <class Key>
void sort_pairs(Scratch scratch, const Key* keys, Key* sorted_keys, const uint32_t* values, uint32_t* sorted_values,
                uint32_t count, int bits, Stream stream);

}  // namespace splatworld
