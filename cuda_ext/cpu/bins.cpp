#include "cpu/bins.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <utility>

#include "splatworld/tiles.h"

namespace splatworld {

constexpr uint64_t kListEntries = 1u << 25;  // 128 MiB; one tile may need more, and gets it

std::vector<uint32_t> depth_order(const std::vector<float>& depths) {
  struct Item {
    uint32_t key, index;
  };
  constexpr int kBits = 11, kBuckets = 1 << kBits;
  std::vector<Item> items(depths.size()), moved(depths.size());
  std::array<std::array<uint32_t, kBuckets>, 3> starts{};
  for (uint32_t i = 0; i < depths.size(); ++i) {
    uint32_t key;  // the bits of positive floats order as the numbers do
    memcpy(&key, &depths[i], sizeof key);
    items[i] = {key, i};
    for (int pass = 0; pass < 3; ++pass) ++starts[pass][(key >> (kBits * pass)) & (kBuckets - 1)];
  }
  for (int pass = 0; pass < 3; ++pass) {
    uint32_t sum = 0;
    for (auto& start : starts[pass]) sum += std::exchange(start, sum);
    for (const Item& item : items) moved[starts[pass][(item.key >> (kBits * pass)) & (kBuckets - 1)]++] = item;
    items.swap(moved);
  }
  std::vector<uint32_t> order(items.size());
  for (size_t i = 0; i < items.size(); ++i) order[i] = items[i].index;
  return order;
}

// Calls f(tile row, first tile, last tile) for each row of tiles, from `begin` to before `end`, that a footprint crosses.
template <class F>
static void each_tile_row(const Footprint& splat, int begin, int end, F f) {
  const Outline ellipse = outline_of(splat);
  const Span rows = tile_rows(splat);
  for (int row = std::max(begin, rows.first); row <= std::min(end - 1, rows.last); ++row) {
    const Span columns = tile_columns(splat, ellipse, row);
    if (columns.first <= columns.last) f(row, columns.first, columns.last);
  }
}

template <class F>
void Bins::each_span(int slab, int row_begin, int row_end, F f) const {
  const auto bound = [&](int s) { return uint32_t(uint64_t(visible_.count) * uint64_t(s) / uint64_t(slabs_)); };
  for (uint32_t i = bound(slab); i < bound(slab + 1); ++i)
    each_tile_row(visible_.footprints[i], row_begin, row_end, [&](int ty, int first, int last) {
      f(i, ty * tiles_x_ + first, ty * tiles_x_ + last);
    });
}

Bins::Bins(const Visible& visible, int tiles_x, int tiles_y, int slabs, Workers& workers)
    : visible_(visible), tiles_x_(tiles_x), tiles_y_(tiles_y), slabs_(slabs), workers_(workers) {
  const size_t tiles = size_t(tiles_x) * size_t(tiles_y);
  counts_.assign(size_t(slabs), std::vector<uint32_t>(tiles + 1));
  workers_.run(slabs_, [&](int slab) {
    // Mark where spans begin and end; the running sum is the count. Long spans cost no more than short ones.
    auto& count = counts_[size_t(slab)];
    each_span(slab, 0, tiles_y, [&](uint32_t, int first, int last) {
      ++count[size_t(first)];
      --count[size_t(last) + 1];
    });
    uint32_t sum = 0;
    for (auto& c : count) c = (sum += c);
  });
}

void Bins::fill_from(int begin) {
  const int tiles = tiles_x_ * tiles_y_;
  begin_ = end_ = begin;
  starts_.assign(1, 0);
  std::vector<std::vector<uint32_t>> cursors(static_cast<size_t>(slabs_));
  for (; end_ < tiles; ++end_) {
    uint64_t next = starts_.back();
    for (const auto& count : counts_) next += count[size_t(end_)];
    if (end_ > begin_ && next > kListEntries) break;
    uint32_t cursor = starts_.back();
    for (size_t slab = 0; slab < cursors.size(); ++slab) {
      cursors[slab].push_back(cursor);
      cursor += counts_[slab][size_t(end_)];
    }
    starts_.push_back(cursor);
  }
  if (list_.size() < starts_.back()) list_.resize(starts_.back());
  workers_.run(slabs_, [&](int slab) {
    auto& cursor = cursors[size_t(slab)];
    each_span(slab, begin_ / tiles_x_, (end_ - 1) / tiles_x_ + 1, [&](uint32_t i, int first, int last) {
      for (int tile = std::max(first, begin_); tile <= std::min(last, end_ - 1); ++tile)
        list_[cursor[size_t(tile - begin_)]++] = i;
    });
  });
}

}  // namespace splatworld
