#include <algorithm>

#include "cpu/frame.h"
#include "cpu/passes.h"

namespace splatworld {

constexpr uint64_t kSumEntries = 1u << 19;  // 32 MiB; one tile may need more, and gets it

// The end of the tiles from `begin` whose entries' sums are held at a time.
int Frame::part_end(int begin) const {
  uint64_t entries = reached_[size_t(begin)];
  int end = begin + 1;
  while (end < int(reached_.size()) && entries + reached_[size_t(end)] <= kSumEntries)
    entries += reached_[size_t(end++)];
  return end;
}

// Sums of the entries of some tiles' lists, one tile's after another's.
struct Entries {
  std::vector<uint32_t> starts;
  Buffer<SplatSums> sums;

  void lay_out(const std::vector<uint32_t>& reached, int begin, int end) {
    starts.assign(1, 0);
    for (int tile = begin; tile < end; ++tile) starts.push_back(starts.back() + reached[size_t(tile)]);
    sums.reserve(starts.back());
  }
};

// The planes of a pass in the caller's images, which are [h w 3], [h w 1] and [h w channels].
static void set_planes(int pass, const PictureGrad& picture, int channels, Plane* planes) {
  for (int k = 0; k < 4; ++k) {
    const int channel = 4 * (pass - 1) + k;
    if (pass == 0)
      planes[k] = k < 3 ? Plane{picture.rgb ? picture.rgb + k : nullptr, 3} : Plane{picture.depth, 1};
    else
      planes[k] = {channel < channels && picture.features ? picture.features + channel : nullptr, channels};
  }
}

PoseGrad<float> Frame::project_backward(const Gaussians& splats, const Job& job, const SplatSums* sums,
                                        const GaussiansGrad& grads, Workers& workers) const {
  std::vector<PoseGrad<float>> parts(size_t(chunks_of(visible_.count)));
  each_chunk(visible_.count, workers, [&](int64_t begin, int64_t end, int chunk) {
    const Placed* footprints = visible_.footprints.data() + begin;
    parts[size_t(chunk)] = job.kernels->project_backward(splats, view_, job.settings, footprints, sums + begin,
                                                         uint32_t(end - begin), grads);
  });
  PoseGrad<float> pose{};
  for (const auto& part : parts) {
    pose.rotation = pose.rotation + part.rotation;
    pose.translation = pose.translation + part.translation;
  }
  return pose;
}

PoseGrad<float> Frame::backward(const Gaussians& splats, const Job& job, const PictureGrad& picture,
                                const GaussiansGrad& grads, Workers& workers) {
  Buffer<SplatSums> sums(visible_.count);
  each_chunk(visible_.count, workers, [&](int64_t begin, int64_t end, int) {
    std::fill(sums.data() + begin, sums.data() + end, SplatSums{});
  });
  Passes passes(visible_, splats);
  Entries entries;
  for (int begin = 0, end; begin < int(reached_.size()); begin = end) {
    end = part_end(begin);
    if (begin < bins_->begin() || end > bins_->end()) {
      bins_->fill_from(begin, kListEntries, workers);
      end = std::min(end, bins_->end());
    }
    entries.lay_out(reached_, begin, end);
    const std::vector<int> tiles = bins_->longest_first(begin, end);
    for (int pass = 0; pass < passes.count(); ++pass) {
      passes.prepare(pass, workers);
      CanvasGrad canvas{picture.width, picture.height, {}, nullptr, transmittance_.data(), ends_.data()};
      set_planes(pass, picture, splats.channels, canvas.sums);
      if (pass == 0) canvas.alpha = picture.alpha;
      workers.run(int(tiles.size()), [&](int i) {
        const int tile = tiles[size_t(i)];
        TileList list = tile_list(tile, passes.values(), passes.step(), job);
        list.count = reached_[size_t(tile)];
        SplatSums* out = entries.sums.data() + entries.starts[size_t(tile - begin)];
        job.kernels->blend_backward(list, canvas, grads.absolute, out);
      });
      // The values of later passes are features, and are done with when they are summed.
      const int columns = pass ? passes.columns(pass) : 4;
      bins_->each_entry(begin, end, entries.starts, workers, [&](uint32_t i, int tile, uint32_t position) {
        if (position >= entries.starts[size_t(tile - begin) + 1]) return;
        const float* from = entries.sums[position].of;
        for (int k = 0; k < SplatSums::kValues; ++k) sums[i].of[k] += from[k];
        float* values = sums[i].of + SplatSums::kValues;
        const int64_t row = visible_.footprints[i].splat;
        if (pass) values = grads.features + row * splats.channels + passes.first(pass);
        for (int k = 0; k < columns; ++k) values[k] += from[SplatSums::kValues + k];
      });
    }
  }
  return project_backward(splats, job, sums.data(), grads, workers);
}

}  // namespace splatworld
