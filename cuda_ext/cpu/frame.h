// One camera's picture of splats on the CPU, and the way back from it.
#pragma once

#include <optional>
#include <vector>

#include "cpu/bins.h"
#include "cpu/kernels.h"

namespace splatworld {

constexpr uint64_t kListEntries = 1u << 25;  // 128 MiB; one tile may need more, and gets it

struct Job {
  Settings settings;
  const Kernels* kernels;
  int threads;
};

// Images in the caller's memory.
struct Picture {
  int width, height;
  float* rgb;       // h w 3
  float* alpha;     // h w
  float* depth;     // h w
  float* features;  // h w channels, or null
  float* median;    // h w
  int32_t* things;  // h w
};

struct PictureGrad {
  int width, height;
  const float* rgb;
  const float* alpha;
  const float* depth;
  const float* features;  // likewise
};

// The same bits come out whatever the number of threads. Throws std::bad_alloc and nothing else.
class Frame {
 public:
  explicit Frame(const View<float>& view) : view_(view) {}
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  // Draws; `keep` what the way back needs. Returns the number of broken rows.
  uint32_t draw(const Gaussians& splats, const Job& job, const Picture& picture, bool keep, Workers& workers);

  // Adds to `grads` and returns the camera's part. `splats` and `job` are those that were drawn.
  PoseGrad<float> backward(const Gaussians& splats, const Job& job, const PictureGrad& picture,
                           const GaussiansGrad& grads, Workers& workers);

  // Nearest first; empty unless kept. Values are those of the last pass that was drawn.
  const Visible& visible() const { return visible_; }

 private:
  uint32_t project_and_sort(const Gaussians& splats, const Job& job, Workers& workers);
  TileList tile_list(int tile, const float* values, int step, const Job& job) const;
  void blend(const Canvas& canvas, const float* values, int step, const Job& job, Workers& workers);
  int part_end(int begin) const;
  PoseGrad<float> project_backward(const Gaussians& splats, const Job& job, const SplatSums* sums,
                                   const GaussiansGrad& grads, Workers& workers) const;

  View<float> view_;
  int tiles_x_ = 0;
  Visible visible_;
  std::optional<Bins> bins_;
  std::vector<float> transmittance_;
  std::vector<uint32_t> ends_;
  std::vector<uint32_t> reached_;  // per tile: entries of its list that had a part in the picture
};

}  // namespace splatworld
