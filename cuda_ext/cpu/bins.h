// Depth order, and which footprints touch which tile.
#pragma once

#include <memory>
#include <vector>

#include "cpu/workers.h"
#include "splatworld/gaussian.h"

namespace splatworld {

struct Visible {
  std::unique_ptr<Footprint[]> footprints;  // nearest first; equal depths in the order of the splats
  uint32_t count = 0;
};

// Indices of `depths` (all positive), smallest first and stable: a radix sort on the bits of the numbers.
std::vector<uint32_t> depth_order(const std::vector<float>& depths);

// Lists of footprints per tile, nearest first, made for a run of tiles at a time so that memory stays bounded however
// large the splats are.
class Bins {
 public:
  Bins(const Visible& visible, int tiles_x, int tiles_y, int slabs, Workers& workers);

  // Fill the lists of tiles [begin, end()) for as many tiles as fit into the memory set aside.
  void fill_from(int begin);
  int end() const { return end_; }

  const uint32_t* list(int tile) const { return list_.data() + starts_[size_t(tile - begin_)]; }
  uint32_t size(int tile) const { return starts_[size_t(tile - begin_) + 1] - starts_[size_t(tile - begin_)]; }

 private:
  template <class F>
  void each_span(int slab, int row_begin, int row_end, F f) const;

  const Visible& visible_;
  const int tiles_x_, tiles_y_, slabs_;
  Workers& workers_;
  // A slab is a contiguous part of the depth order. Each counts and writes for itself, so nothing is shared, and lists
  // come out in depth order whatever the number of slabs.
  std::vector<std::vector<uint32_t>> counts_;  // [slab][tile]
  std::vector<uint32_t> starts_, list_;
  int begin_ = 0, end_ = 0;
};

}  // namespace splatworld
