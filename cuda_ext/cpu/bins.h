// Depth order, and which footprints touch which tile.
#pragma once

#include <vector>

#include "cpu/buffer.h"
#include "cpu/kernels.h"
#include "cpu/workers.h"
#include "splatworld/tiles.h"

namespace splatworld {

struct Visible {
  Buffer<Placed> footprints;  // nearest first; equal depths in the order of the splats
  uint32_t count = 0;
};

// An index and the bits of its depth: for positive numbers these order as the numbers do.
struct Item {
  uint32_t key, index;
};

// Sorts by key, smallest first and stable.
void sort_by_depth(Buffer<Item>& items, uint32_t count);

// Lists of footprints per tile, nearest first, made for a run of tiles at a time so that memory stays bounded however
// large the splats are.
class Bins {
 public:
  Bins(const Visible& visible, int tiles_x, int tiles_y, Workers& workers);

  // Fill the lists of tiles [begin, end()): one at least, and as many as have `capacity` entries together.
  void fill_from(int begin, uint64_t capacity, Workers& workers);
  int begin() const { return begin_; }
  int end() const { return end_; }

  const uint32_t* list(int tile) const { return list_.data() + starts_[size_t(tile - begin_)]; }
  uint32_t size(int tile) const { return starts_[size_t(tile - begin_) + 1] - starts_[size_t(tile - begin_)]; }

  // Tiles [begin, end), the longest lists first: what takes longest is begun first.
  std::vector<int> longest_first(int begin, int end) const;

  // Calls f(footprint, tile, starts[tile - begin] + position in the tile's list) for all entries of tiles [begin, end),
  // which are filled; those of one footprint come in order, from one thread.
  template <class F>
  void each_entry(int begin, int end, const std::vector<uint32_t>& starts, Workers& workers, F f) const {
    auto cursors = cursors_of(begin, end, starts);
    workers.run(int(slabs_.size()), [&](int slab) {
      auto& cursor = cursors[size_t(slab)];
      each_span(slab, begin, end, [&](uint32_t i, int first, int last) {
        for (int tile = first; tile <= last; ++tile) f(i, tile, cursor[size_t(tile - begin)]++);
      });
    });
  }

 private:
  struct Rows {
    int begin, end;
  };
  struct Columns {
    uint16_t first, last;
  };

  // A contiguous part of the depth order. Each counts and writes for itself, so nothing is shared, and lists come out
  // in depth order whatever the number of slabs.
  struct Slab {
    std::vector<uint32_t> counts;  // entries per tile
    std::vector<Columns> spans;    // per footprint its rows of tiles, and for each row its columns; empty if too many
  };

  std::vector<std::vector<uint32_t>> cursors_of(int begin, int end, const std::vector<uint32_t>& starts) const;

  // Calls f(footprint, first tile, last tile) for the runs of tiles that each footprint of a slab touches.
  template <class F>
  void each_span(int slab, int begin, int end, F f) const {
    const auto& known = slabs_[size_t(slab)].spans;
    const Columns* next = known.data();
    const int row_begin = begin / tiles_x_, row_end = (end - 1) / tiles_x_;
    for (uint32_t i = bound(slab); i < bound(slab + 1); ++i) {
      const Rows rows = known.empty() ? rows_of(visible_.footprints[i]) : Rows{next->first, next->last};
      next += known.empty() ? 0 : 1 + rows.end - rows.begin;
      if (rows.end <= row_begin || rows.begin > row_end) continue;
      const auto emit = [&](int row, Columns columns) {
        const int first = row * tiles_x_ + columns.first, last = row * tiles_x_ + columns.last;
        if (columns.first <= columns.last && last >= begin && first < end)
          f(i, first > begin ? first : begin, last < end ? last : end - 1);
      };
      const int from = rows.begin > row_begin ? rows.begin : row_begin;
      const int to = rows.end <= row_end ? rows.end : row_end + 1;
      if (known.empty())
        each_row(visible_.footprints[i], from, to, emit);
      else
        for (int row = from; row < to; ++row) emit(row, next[row - rows.end]);
    }
  }

  // Calls f(tile row, columns) for tile rows [from, to) of a footprint.
  template <class F>
  static void each_row(const Footprint& splat, int from, int to, F f) {
    const Outline ellipse = outline_of(splat);
    for (int row = from; row < to; ++row) {
      const Span columns = tile_columns(splat, ellipse, row);
      f(row, Columns{uint16_t(columns.first), uint16_t(columns.last)});
    }
  }

  static Rows rows_of(const Footprint& splat) {
    const Span rows = tile_rows(splat);
    return {rows.first, rows.last + 1};
  }

  uint32_t bound(int slab) const { return uint32_t(uint64_t(visible_.count) * uint64_t(slab) / slabs_.size()); }
  void remember(int slab);
  void count(int slab);

  const Visible& visible_;
  int tiles_x_, tiles_y_;
  std::vector<Slab> slabs_;
  std::vector<uint32_t> starts_;
  Buffer<uint32_t> list_;
  int begin_ = 0, end_ = 0;
};

}  // namespace splatworld
