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
  int step() const { return features_.empty() ? int(sizeof(Footprint) / sizeof(float)) : 4; }
  const float* values() const { return features_.empty() ? visible_.footprints[0].values : features_.data(); }

  void prepare(int pass, Workers& workers) {
    if (pass == 0) return features_.clear();
    const int first = 4 * (pass - 1), columns = std::min(4, splats_.channels - first);
    if (features_.empty()) features_.resize(4 * size_t(visible_.count) + 4);
    each_chunk(visible_.count, workers, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const float* from = splats_.features + int64_t(visible_.footprints[size_t(i)].splat) * splats_.channels + first;
        float* to = features_.data() + 4 * i;
        std::fill(std::copy(from, from + columns, to), to + 4, 0.0f);
      }
    });
  }

 private:
  const Visible& visible_;
  const Gaussians& splats_;
  std::vector<float> features_;
};

// The planes of a pass in the caller's images, which are [h w 3], [h w 1] and [h w channels].
template <class T>
void set_planes(int pass, T* rgb, T* depth, T* features, int channels, Plane<T>* planes) {
  for (int k = 0; k < 4; ++k) {
    const int channel = 4 * (pass - 1) + k;
    if (pass == 0)
      planes[k] = k < 3 ? Plane<T>{rgb ? rgb + k : nullptr, 3} : Plane<T>{depth, 1};
    else
      planes[k] = {channel < channels && features ? features + channel : nullptr, channels};
  }
}

}  // namespace splatworld
