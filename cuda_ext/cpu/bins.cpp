#include "cpu/bins.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace splatworld {

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

Bins::Bins(const Visible& visible, int tiles_x, int tiles_y, Workers& workers)
    : visible_(visible), tiles_x_(tiles_x), tiles_y_(tiles_y), slabs_(std::min(4 * workers.count(), 64)) {
  const int tiles = tiles_x * tiles_y;
  counts_.assign(size_t(slabs_), std::vector<uint32_t>(size_t(tiles) + 1));
  workers.run(slabs_, [&](int slab) {
    // Mark where spans begin and end; the running sum is the count. Long spans cost no more than short ones.
    auto& count = counts_[size_t(slab)];
    each_span(slab, 0, tiles, [&](uint32_t, int first, int last) {
      ++count[size_t(first)];
      --count[size_t(last) + 1];
    });
    uint32_t sum = 0;
    for (auto& c : count) c = (sum += c);
  });
}

void Bins::fill_from(int begin, uint64_t capacity, Workers& workers) {
  const int tiles = tiles_x_ * tiles_y_;
  begin_ = end_ = begin;
  starts_.assign(1, 0);
  for (; end_ < tiles; ++end_) {
    uint64_t next = starts_.back();
    for (const auto& count : counts_) next += count[size_t(end_)];
    if (end_ > begin_ && next > capacity) break;
    starts_.push_back(uint32_t(next));
  }
  if (list_.size() < starts_.back()) list_.resize(starts_.back());
  each_entry(begin_, end_, workers, [&](uint32_t i, int tile, uint32_t position) {
    list_[starts_[size_t(tile - begin_)] + position] = i;
  });
}

std::vector<std::vector<uint32_t>> Bins::cursors_of(int begin, int end) const {
  std::vector<std::vector<uint32_t>> cursors(static_cast<size_t>(slabs_), std::vector<uint32_t>(size_t(end - begin)));
  for (size_t slab = 1; slab < cursors.size(); ++slab)
    for (size_t i = 0; i < size_t(end - begin); ++i)
      cursors[slab][i] = cursors[slab - 1][i] + counts_[slab - 1][size_t(begin) + i];
  return cursors;
}

std::vector<int> Bins::longest_first(int begin, int end) const {
  std::vector<int> order(size_t(end - begin));
  std::iota(order.begin(), order.end(), begin);
  std::sort(order.begin(), order.end(), [&](int a, int b) { return size(a) > size(b); });
  return order;
}

}  // namespace splatworld
