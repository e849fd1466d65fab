#include "cpu/frame.h"

#include <string.h>

#include <algorithm>
#include <atomic>
#include <numeric>

#include "cpu/passes.h"

namespace splatworld {

// Footprints of what is seen, chunk after chunk. Room is given out as chunks come in, whatever their order, so that no
// memory is touched for what is not seen.
struct Seen {
  Buffer<Placed> footprints;
  std::vector<uint32_t> starts, counts, broken;  // per chunk
};

static Seen project(const Gaussians& splats, const View<float>& view, const Job& job, Workers& workers) {
  const size_t chunks = size_t(chunks_of(splats.count));
  Seen seen{Buffer<Placed>(size_t(splats.count)), std::vector<uint32_t>(chunks), std::vector<uint32_t>(chunks),
            std::vector<uint32_t>(chunks)};
  std::atomic<uint32_t> end{0};
  each_chunk(splats.count, workers, [&](int64_t first, int64_t last, int chunk) {
    Placed found[kChunk];
    const Projected done = job.kernels->project(splats, view, job.settings, first, last, found);
    const uint32_t start = end.fetch_add(done.drawn);
    std::copy(found, found + done.drawn, seen.footprints.data() + start);
    seen.starts[size_t(chunk)] = start;
    seen.counts[size_t(chunk)] = done.drawn;
    seen.broken[size_t(chunk)] = done.broken;
  });
  return seen;
}

uint32_t Frame::project_and_sort(const Gaussians& splats, const Job& job, Workers& workers) {
  const Seen seen = project(splats, view_, job, workers);
  const uint32_t count = std::accumulate(seen.counts.begin(), seen.counts.end(), uint32_t(0));
  Buffer<Item> items(count);
  uint32_t next = 0;
  for (size_t chunk = 0; chunk < seen.counts.size(); ++chunk)
    for (uint32_t i = seen.starts[chunk]; i < seen.starts[chunk] + seen.counts[chunk]; ++i, ++next) {
      memcpy(&items[next].key, &seen.footprints[i].values[3], sizeof items[next].key);
      items[next].index = i;
    }
  sort_by_depth(items, count);
  visible_.count = count;
  visible_.footprints.reserve(count);
  each_chunk(count, workers, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) visible_.footprints[size_t(i)] = seen.footprints[items[size_t(i)].index];
  });
  return std::accumulate(seen.broken.begin(), seen.broken.end(), uint32_t(0));
}

TileList Frame::tile_list(int tile, const float* values, int step, const Job& job) const {
  const int x = tile % tiles_x_ * kTile, y = tile / tiles_x_ * kTile;
  return {visible_.footprints.data(), values, step, bins_->list(tile), bins_->size(tile), x, y, job.settings.alpha_max};
}

void Frame::blend(const Canvas& canvas, const float* values, int step, const Job& job, Workers& workers) {
  const std::vector<int> tiles = bins_->longest_first(bins_->begin(), bins_->end());
  workers.run(int(tiles.size()), [&](int i) {
    const int tile = tiles[size_t(i)];
    const uint32_t reached = job.kernels->blend(tile_list(tile, values, step, job), canvas);
    if (canvas.ends) reached_[size_t(tile)] = reached;
  });
}

constexpr int64_t kStreamPixels = 1 << 19;  // 15 MB of images

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
      canvas.stream = int64_t(picture.width) * picture.height > kStreamPixels;
      if (pass == 0) {
        canvas.rgb = picture.rgb, canvas.depth = picture.depth, canvas.alpha = picture.alpha;
        canvas.median = picture.median, canvas.things = picture.things;
        if (keep) canvas.transmittance = transmittance_.data(), canvas.ends = ends_.data();
      } else {
        canvas.features = picture.features + passes.first(pass);
        canvas.channels = passes.columns(pass), canvas.step = splats.channels;
      }
      blend(canvas, passes.values(), passes.step(), job, workers);
    }
  }
  return broken;
}

}  // namespace splatworld
