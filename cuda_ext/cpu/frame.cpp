#include "cpu/frame.h"

#include <algorithm>

#include "cpu/passes.h"

namespace splatworld {

uint32_t Frame::project_and_sort(const Gaussians& splats, const Job& job, Workers& workers) {
  const int chunks = chunks_of(splats.count);
  // Not initialised: pages of chunks that see nothing are never touched.
  const std::unique_ptr<Footprint[]> all(new Footprint[size_t(splats.count)]);
  std::vector<uint32_t> starts(size_t(chunks) + 1), broken(static_cast<size_t>(chunks));
  each_chunk(splats.count, workers, [&](int64_t begin, int64_t end, int chunk) {
    const Projected done = job.kernels->project(splats, view_, job.settings, begin, end, all.get() + begin);
    starts[size_t(chunk) + 1] = done.drawn;
    broken[size_t(chunk)] = done.broken;
  });
  uint32_t skipped = 0;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    starts[size_t(chunk) + 1] += starts[size_t(chunk)];
    skipped += broken[size_t(chunk)];
  }
  visible_.count = starts.back();
  std::vector<float> depths(visible_.count);
  std::vector<const Footprint*> sources(visible_.count);
  workers.run(chunks, [&](int chunk) {
    const Footprint* from = all.get() + chunk * kChunk;
    for (uint32_t i = starts[size_t(chunk)]; i < starts[size_t(chunk) + 1]; ++i, ++from) {
      depths[i] = from->values[3];
      sources[i] = from;
    }
  });
  const std::vector<uint32_t> order = depth_order(depths);
  visible_.footprints.reset(new Footprint[visible_.count]);
  each_chunk(visible_.count, workers, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) visible_.footprints[size_t(i)] = *sources[order[size_t(i)]];
  });
  return skipped;
}

TileList Frame::tile_list(int tile, const float* values, int step, const Job& job) const {
  const int x = tile % tiles_x_ * kTile, y = tile / tiles_x_ * kTile;
  return {visible_.footprints.get(), values, step, bins_->list(tile), bins_->size(tile), x, y, job.settings.alpha_max};
}

void Frame::blend(const Canvas& canvas, const float* values, int step, const Job& job, Workers& workers) {
  const std::vector<int> tiles = bins_->longest_first(bins_->begin(), bins_->end());
  workers.run(int(tiles.size()), [&](int i) {
    const int tile = tiles[size_t(i)];
    const uint32_t reached = job.kernels->blend(tile_list(tile, values, step, job), canvas);
    if (canvas.ends) reached_[size_t(tile)] = reached;
  });
}

uint32_t Frame::draw(const Gaussians& splats, const Job& job, const Picture& picture, bool keep, Workers& workers) {
  const uint32_t broken = project_and_sort(splats, job, workers);
  tiles_x_ = (picture.width + kTile - 1) / kTile;
  const int tiles_y = (picture.height + kTile - 1) / kTile, tiles = tiles_x_ * tiles_y;
  bins_.emplace(visible_, tiles_x_, tiles_y, workers);
  if (keep) {
    transmittance_.resize(size_t(picture.width) * size_t(picture.height));
    ends_.resize(transmittance_.size());
    reached_.resize(size_t(tiles));
  }
  Passes passes(visible_, splats);
  for (int begin = 0; begin < tiles; begin = bins_->end()) {
    bins_->fill_from(begin, kListEntries, workers);
    for (int pass = 0; pass < passes.count(); ++pass) {
      passes.prepare(pass, workers);
      Canvas canvas{};
      canvas.width = picture.width, canvas.height = picture.height;
      set_planes(pass, picture.rgb, picture.depth, picture.features, splats.channels, canvas.sums);
      if (pass == 0) {
        canvas.alpha = picture.alpha, canvas.median = picture.median, canvas.things = picture.things;
        if (keep) canvas.transmittance = transmittance_.data(), canvas.ends = ends_.data();
      }
      blend(canvas, passes.values(), passes.step(), job, workers);
    }
  }
  return broken;
}

}  // namespace splatworld
