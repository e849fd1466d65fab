#include "cuda/primitives.h"

#if defined(SW_EMULATED)
#include <algorithm>
#include <numeric>
#include <vector>
#else
#include <cub/device/device_radix_sort.cuh>
#endif

namespace splatworld {

#if defined(SW_EMULATED)

template <class Key>
size_t sort_scratch(uint32_t) {
  return 0;
}

template <class Key>
void sort_pairs(Scratch, const Key* keys, Key* sorted_keys, const uint32_t* values, uint32_t* sorted_values,
                uint32_t count, int bits, Stream) {
  const Key mask = Key((uint64_t(1) << bits) - 1);
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return (keys[a] & mask) < (keys[b] & mask); });
  for (uint32_t i = 0; i < count; ++i) sorted_keys[i] = keys[order[i]], sorted_values[i] = values[order[i]];
}

#else

template <class Key>
size_t sort_scratch(uint32_t count) {
  size_t bytes = 0;
  // Other than the call below this needs no device: CUB may ask which one there is, and fall back.
  succeed(cub::DeviceRadixSort::SortPairs<Key, uint32_t>(nullptr, bytes, nullptr, nullptr, nullptr, nullptr, count));
  return bytes;
}

template <class Key>
void sort_pairs(Scratch scratch, const Key* keys, Key* sorted_keys, const uint32_t* values, uint32_t* sorted_values,
                uint32_t count, int bits, Stream stream) {
  if (count == 0) return;
  succeed(cub::DeviceRadixSort::SortPairs(scratch.at, scratch.bytes, keys, sorted_keys, values, sorted_values, count, 0,
                                          bits, stream));
}

#endif

template size_t sort_scratch<uint16_t>(uint32_t);
template size_t sort_scratch<uint32_t>(uint32_t);
template void sort_pairs(Scratch, const uint16_t*, uint16_t*, const uint32_t*, uint32_t*, uint32_t, int, Stream);
template void sort_pairs(Scratch, const uint32_t*, uint32_t*, const uint32_t*, uint32_t*, uint32_t, int, Stream);

}  // namespace splatworld
