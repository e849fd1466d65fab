// The four values at a time that a picture is blended from, and where they go.
#pragma once

#include <algorithm>
#include <vector>

#include "cpu/bins.h"
#include "cpu/kernels.h"

namespace splatworld {

constexpr int64_t kChunk = 4096;  // splats; fixed, so that results do not depend on the number of threads

inline int chunks_of(int64_t count) { return int((count + kChunk - 1) / kChunk); }

// Calls f(begin, end, chunk) for chunks of [0, count).
template <class F>
void each_chunk(int64_t count, Workers& workers, F f) {
  workers.run(chunks_of(count), [&](int chunk) { f(chunk * kChunk, std::min((chunk + 1) * kChunk, count), chunk); });
}

// What a pass blends: red, green, blue and depth from the footprints, and then four features at a time.
class Passes {
 public:
  Passes(const Visible& visible, const Gaussians& splats) : visible_(visible), splats_(splats) {}

  int count() const { return 1 + (splats_.channels + 3) / 4; }
  int step() const { return features_.empty() ? int(sizeof(Placed) / sizeof(float)) : 4; }
  const float* values() const { return features_.empty() ? first_values() : features_.data(); }

  // Of the features, the first of a pass and how many there are in it.
  int first(int pass) const { return 4 * (pass - 1); }
  int columns(int pass) const { return pass ? std::min(4, splats_.channels - first(pass)) : 0; }

  void prepare(int pass, Workers& workers) {
    if (pass == 0) return features_.clear();
    if (features_.empty()) features_.resize(4 * size_t(visible_.count) + 4);
    each_chunk(visible_.count, workers, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = visible_.footprints[size_t(i)].splat;
        const float* from = splats_.features + row * splats_.channels + first(pass);
        float* to = features_.data() + 4 * i;
        std::fill(std::copy(from, from + columns(pass), to), to + 4, 0.0f);
      }
    });
  }

 private:
  const float* first_values() const { return visible_.count ? visible_.footprints[0].values : nullptr; }

  const Visible& visible_;
  const Gaussians& splats_;
  std::vector<float> features_;
};

}  // namespace splatworld
