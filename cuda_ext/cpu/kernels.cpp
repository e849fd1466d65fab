#include "cpu/kernels.h"

namespace splatworld {

Kernels portable_kernels();
#if defined(SW_X86_KERNELS)
Kernels avx2_kernels();
Kernels avx512_kernels();
#elif defined(SW_ARM_KERNELS)
Kernels neon_kernels();
#endif

static std::vector<Kernels> detected() {
  std::vector<Kernels> found;
#if defined(SW_X86_KERNELS)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) found.push_back(avx512_kernels());
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back(avx2_kernels());
#elif defined(SW_ARM_KERNELS)
  found.push_back(neon_kernels());
#endif
  found.push_back(portable_kernels());
  return found;
}

const std::vector<Kernels>& kernels() {
  static const std::vector<Kernels> found = detected();
  return found;
}

}  // namespace splatworld
