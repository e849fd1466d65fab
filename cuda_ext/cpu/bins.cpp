#include "cpu/bins.h"

#include <algorithm>
#include <array>
#include <new>
#include <numeric>
#include <utility>

namespace splatworld {

constexpr size_t kSpans = size_t(1) << 24;  // 64 MiB

void sort_by_depth(Buffer<Item>& items, uint32_t count) {
  constexpr int kDigit = 11, kBuckets = 1 << kDigit;
  Buffer<Item> moved(count);
  std::array<std::array<uint32_t, kBuckets>, 3> starts{};
  for (uint32_t i = 0; i < count; ++i)
    for (int pass = 0; pass < 3; ++pass) ++starts[pass][(items[i].key >> (kDigit * pass)) & (kBuckets - 1)];
  for (int pass = 0; pass < 3; ++pass) {
    uint32_t sum = 0;
    for (auto& start : starts[pass]) sum += std::exchange(start, sum);
    for (uint32_t i = 0; i < count; ++i)
      moved[starts[pass][(items[i].key >> (kDigit * pass)) & (kBuckets - 1)]++] = items[i];
    std::swap(items, moved);
  }
}

static int slabs_for(uint32_t count, const Workers& workers) {
  return std::max(1, std::min({4 * workers.count(), 64, int(count / 256)}));
}

Bins::Bins(const Visible& visible, int tiles_x, int tiles_y, Workers& workers)
    : visible_(visible), tiles_x_(tiles_x), tiles_y_(tiles_y), slabs_(slabs_for(visible.count, workers)) {
  for (Slab& slab : slabs_) slab.counts.resize(size_t(tiles_x) * size_t(tiles_y) + 1);
  workers.run(int(slabs_.size()), [&](int slab) {
    try {
      remember(slab);
    } catch (const std::bad_alloc&) {
      std::vector<Columns>().swap(slabs_[size_t(slab)].spans);  // they will be worked out again
    }
    count(slab);
  });
}

// What each_span finds, where it is not too much: it is asked for again and again.
void Bins::remember(int slab) {
  const size_t most = kSpans / slabs_.size(), footprints = bound(slab + 1) - bound(slab);
  auto& spans = slabs_[size_t(slab)].spans;
  spans.reserve(std::min(most, 4 * footprints));
  for (uint32_t i = bound(slab); i < bound(slab + 1); ++i) {
    const Rows rows = rows_of(visible_.footprints[i]);
    if (spans.size() + 1 + size_t(rows.end - rows.begin) > most) {
      std::vector<Columns>().swap(spans);
      return;
    }
    spans.push_back({uint16_t(rows.begin), uint16_t(rows.end)});
    each_row(visible_.footprints[i], rows.begin, rows.end, [&](int, Columns columns) { spans.push_back(columns); });
  }
}

void Bins::count(int slab) {
  // Mark where spans begin and end; the running sum is the count. Long spans cost no more than short ones.
  auto& counts = slabs_[size_t(slab)].counts;
  each_span(slab, 0, tiles_x_ * tiles_y_, [&](uint32_t, int first, int last) {
    ++counts[size_t(first)];
    --counts[size_t(last) + 1];
  });
  uint32_t sum = 0;
  for (auto& c : counts) c = (sum += c);
}

void Bins::fill_from(int begin, uint64_t capacity, Workers& workers) {
  const int tiles = tiles_x_ * tiles_y_;
  begin_ = end_ = begin;
  starts_.assign(1, 0);
  for (; end_ < tiles; ++end_) {
    uint64_t next = starts_.back();
    for (const Slab& slab : slabs_) next += slab.counts[size_t(end_)];
    if (end_ > begin_ && next > capacity) break;
    starts_.push_back(uint32_t(next));
  }
  list_.reserve(starts_.back());
  uint32_t* list = list_.data();
  each_entry(begin_, end_, starts_, workers, [=](uint32_t i, int, uint32_t position) { list[position] = i; });
}

std::vector<std::vector<uint32_t>> Bins::cursors_of(int begin, int end, const std::vector<uint32_t>& starts) const {
  const size_t tiles = size_t(end - begin);
  std::vector<std::vector<uint32_t>> cursors(1, std::vector<uint32_t>(starts.begin(), starts.begin() + end - begin));
  for (size_t slab = 1; slab < slabs_.size(); ++slab) {
    cursors.push_back(cursors.back());
    for (size_t i = 0; i < tiles; ++i) cursors[slab][i] += slabs_[slab - 1].counts[size_t(begin) + i];
  }
  return cursors;
}

std::vector<int> Bins::longest_first(int begin, int end) const {
  std::vector<int> order(size_t(end - begin));
  std::iota(order.begin(), order.end(), begin);
  std::sort(order.begin(), order.end(), [&](int a, int b) { return size(a) > size(b); });
  return order;
}

}  // namespace splatworld
