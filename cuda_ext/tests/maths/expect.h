// The smallest test frame: EXPECT prints what does not hold and where, and main() returns how much that was.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>

inline int failures = 0;

#define EXPECT(holds, ...)                                       \
  do {                                                           \
    if (!(holds)) {                                              \
      if (++failures <= 20) {                                    \
        std::printf("%s:%d: not %s: ", __FILE__, __LINE__, #holds); \
        std::printf(__VA_ARGS__);                                \
        std::printf("\n");                                       \
      }                                                          \
    }                                                            \
  } while (false)

// Pseudo-random numbers that are the same everywhere (splitmix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  double between(double low, double high) { return low + (high - low) * double(next() >> 11) * 0x1p-53; }
  int below(int n) { return int(next() % uint64_t(n)); }

 private:
  uint64_t next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  uint64_t state_;
};

void test_gradients();
void test_geometry();
void test_projection();
