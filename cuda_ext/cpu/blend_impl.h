// Front to back over the pixels of a tile. Include only from the files of the instruction sets.
//
// A batch of splats is first cut into the rows of pixels that they touch, without a jump; then one loop runs over the rows
// of all of them, and the processor need not guess after each splat whether another row follows.
#pragma once

#include <string.h>

#include "cpu/kernels.h"
#include "cpu/lanes.h"

namespace splatworld {
namespace {

constexpr int kBatch = 16;  // splats

template <class V>
constexpr int kParts = kTile / V::lanes;  // of a row of a tile

template <class V>
typename V::F steps(int part) {
  static constexpr float all[kTile] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return V::load(all + part * V::lanes);
}

// One splat in the rows of a tile: log2 alpha = base - t^2, where t grows by p from pixel to pixel.
template <class V>
struct Slices {
  alignas(64) float t[kTile], base[kTile], dy[kTile];  // t: at the first pixel of the row
  const Footprint* splat;
  const float* values;
  float p, left;  // left: from the splat's centre to the first pixels
  uint32_t rows;  // bit y: the splat reaches kAlphaMin somewhere in row y

  void cut(const TileList& splats, uint32_t i) {
    const uint32_t which = splats.list[i];
    const Footprint& at = splats.footprints[which];
    splat = &at, values = splats.values + int64_t(which) * splats.step;
    p = at.p, left = float(splats.x) + 0.5f - at.x;
    const float top = float(splats.y) + 0.5f - at.y;
    const auto zero = V::set(0);
    rows = 0;
    for (int part = 0; part < kParts<V>; ++part) {
      const auto down = V::add(steps<V>(part), V::set(top)), rise = V::mul(V::set(at.r), down);
      const auto height = V::fnma(rise, rise, V::set(at.power));
      const auto first = V::fma(V::set(p), V::set(left), V::mul(V::set(at.q), down));
      const auto last = V::fma(V::set(p), V::set(float(kTile - 1)), first);
      // |t| is least at an end of the row, or 0 between them. The pixels' own sums round in the same way, so no pixel
      // that counts is in a row left out.
      const auto nearest = V::max(V::max(first, V::sub(zero, last)), zero);
      rows |= V::bits(V::le(V::set(kLog2AlphaMin), V::fnma(nearest, nearest, height))) << (part * V::lanes);
      V::store(t + part * V::lanes, first);
      V::store(base + part * V::lanes, height);
      V::store(dy + part * V::lanes, down);
    }
  }
};

// Numbers of the bits that are set in a byte, first ones first.
struct BitTable {
  uint8_t of[256][8] = {};
  constexpr BitTable() {
    for (int bits = 0; bits < 256; ++bits)
      for (int bit = 0, n = 0; bit < 8; ++bit)
        if (bits >> bit & 1) of[bits][n++] = uint8_t(bit);
  }
};
constexpr BitTable kBits;

// The rows of a batch: row[i] of splat[i].
struct RowList {
  uint8_t row[(kBatch + 1) * kTile], splat[(kBatch + 1) * kTile];
  int count = 0;

  void add(int which, uint32_t rows) {
    memset(splat + count, which, kTile);
    memcpy(row + count, kBits.of[rows & 255], 8);
    count += int(count_bits(rows & 255));
    uint64_t high;
    memcpy(&high, kBits.of[rows >> 8], 8);
    high += 0x0808080808080808u;
    memcpy(row + count, &high, 8);
    count += int(count_bits(rows >> 8));
  }
};

template <class V>
struct PixelRow {
  typename V::F transmittance[kParts<V>], sums[4][kParts<V>];
  typename V::M alive[kParts<V>];
};

template <class V>
struct Tile {
  PixelRow<V> pixels[kTile];
  alignas(64) float median[kTile][kTile] = {};
  alignas(64) int32_t things[kTile][kTile] = {};
  alignas(64) uint32_t ends[kTile][kTile];
  uint32_t rows = 0;  // bit y: row y has living pixels
  const bool surface;

  Tile(const TileList& splats, const Canvas& canvas) : surface(canvas.median) {
    const int columns = canvas.width - splats.x < kTile ? canvas.width - splats.x : kTile;
    for (int y = 0; y < kTile; ++y) {
      const uint32_t inside = splats.y + y < canvas.height ? (1u << columns) - 1 : 0;
      if (inside) rows |= 1u << y;
      for (int part = 0; part < kParts<V>; ++part) {
        pixels[y].alive[part] = V::from_bits(inside >> (part * V::lanes));
        pixels[y].transmittance[part] = V::set(1);
        for (auto& sum : pixels[y].sums) sum[part] = V::set(0);
      }
      for (int x = 0; x < kTile; ++x) ends[y][x] = splats.count;
    }
  }

  // Remember the splat that makes a surface at the pixels in `bits`.
  void settle(uint32_t bits, int y, int part, const Footprint& splat) {
    for (; bits && surface; bits &= bits - 1) {
      const int x = part * V::lanes + lowest_bit(bits);
      median[y][x] = splat.values[3];
      things[y][x] = splat.thing;
    }
  }

  void end(uint32_t bits, int y, int part, uint32_t position) {
    for (; bits; bits &= bits - 1) ends[y][part * V::lanes + lowest_bit(bits)] = position;
    uint32_t living = 0;
    for (const auto& each : pixels[y].alive) living |= V::bits(each);
    if (!living) rows &= ~(1u << y);
  }
};

template <class V>
inline void blend_row(Tile<V>& tile, int y, const Slices<V>& at, typename V::F alpha_max, uint32_t position) {
  PixelRow<V>& px = tile.pixels[y];
  for (int part = 0; part < kParts<V>; ++part) {
    const auto t = V::fma(V::set(at.p), steps<V>(part), V::set(at.t[y]));
    const auto power = V::fnma(t, t, V::set(at.base[y]));
    const auto hit = V::both(V::le(V::set(kLog2AlphaMin), power), px.alive[part]);
    if (kParts<V> > 1 && !V::bits(hit)) continue;
    const auto before = px.transmittance[part];
    const auto weight = V::mul(V::min(exp2_of<V>(power), alpha_max), before);
    const auto next = V::sub(before, weight);
    const auto go = V::both(hit, V::lt(V::set(kStop), next));
    const auto kept = V::masked(go, weight);
    for (int k = 0; k < 4; ++k) px.sums[k][part] = V::fma(kept, V::set(at.values[k]), px.sums[k][part]);
    px.transmittance[part] = V::where(go, next, before);
    const auto ended = V::without(hit, go);
    const auto settled = V::both(V::both(go, V::lt(V::set(kMedian), before)), V::le(next, V::set(kMedian)));
    if (V::bits(V::either(ended, settled))) {  // twice in a pixel's life at most
      px.alive[part] = V::without(px.alive[part], ended);
      if (V::bits(ended)) tile.end(V::bits(ended), y, part, position);
      tile.settle(V::bits(settled), y, part, *at.splat);
    }
  }
}

// Numbers of a row, at most kTile, to an image.
template <class V, class T>
void write_row(T* image, int64_t at, const T* row, int columns, bool stream) {
  if (!image) return;
  image += at;
  if (columns < kTile || !stream || reinterpret_cast<uintptr_t>(image) % 64) {
    memcpy(image, row, sizeof(T) * size_t(columns));
    return;
  }
  for (int x = 0; x < kTile; x += V::lanes)
    V::stream(reinterpret_cast<float*>(image) + x, V::load(reinterpret_cast<const float*>(row) + x));
}

template <class V>
void write_tile(const Tile<V>& tile, const TileList& splats, const Canvas& canvas) {
  const int columns = canvas.width - splats.x < kTile ? canvas.width - splats.x : kTile;
  for (int y = 0; y < kTile && splats.y + y < canvas.height; ++y) {
    const int64_t row = int64_t(splats.y + y) * canvas.width + splats.x;
    alignas(64) float through[kTile], alpha[kTile], sums[4][kTile], rgb[3 * kTile];
    const PixelRow<V>& px = tile.pixels[y];
    for (int part = 0; part < kParts<V>; ++part) {
      const int x = part * V::lanes;
      V::store(through + x, px.transmittance[part]);
      V::store(alpha + x, V::sub(V::set(1), px.transmittance[part]));
      for (int k = 0; k < 4; ++k) V::store(sums[k] + x, px.sums[k][part]);
      if (canvas.rgb) V::interleave(rgb + 3 * x, px.sums[0][part], px.sums[1][part], px.sums[2][part]);
    }
    if (canvas.rgb)
      for (int k = 0; k < 3; ++k) {
        const int done = k * kTile, left = 3 * columns - done;
        if (left > 0) write_row<V>(canvas.rgb, 3 * row + done, rgb + done, left < kTile ? left : kTile, canvas.stream);
      }
    write_row<V>(canvas.depth, row, sums[3], columns, canvas.stream);
    write_row<V>(canvas.alpha, row, alpha, columns, canvas.stream);
    write_row<V>(canvas.median, row, tile.median[y], columns, canvas.stream);
    write_row<V>(canvas.things, row, tile.things[y], columns, canvas.stream);
    write_row<V>(canvas.transmittance, row, through, columns, canvas.stream);
    write_row<V>(canvas.ends, row, tile.ends[y], columns, canvas.stream);
    for (int k = 0; k < canvas.channels; ++k)
      for (int x = 0; x < columns; ++x) canvas.features[(row + x) * canvas.step + k] = sums[k][x];
  }
}

SW_HD void prefetch(const void* at) {
#if !defined(_MSC_VER)
  __builtin_prefetch(at);
#else
  (void)at;
#endif
}

template <class V>
uint32_t blend_tile(const TileList& splats, const Canvas& canvas) {
  Tile<V> tile(splats, canvas);
  const auto alpha_max = V::set(splats.alpha_max);
  uint32_t begin = 0;
  for (; begin < splats.count && tile.rows; begin += kBatch) {
    const uint32_t left = splats.count - begin;
    const int count = left < kBatch ? int(left) : kBatch;
    Slices<V> slices[kBatch];
    RowList rows;
    for (int i = 0; i < count; ++i) {
      if (left > uint32_t(i + kBatch)) prefetch(splats.footprints + splats.list[begin + uint32_t(i + kBatch)]);
      slices[i].cut(splats, begin + uint32_t(i));
      rows.add(i, slices[i].rows & tile.rows);
    }
    for (int i = 0; i < rows.count; ++i) {
      const int which = rows.splat[i];
      blend_row<V>(tile, rows.row[i], slices[which], alpha_max, begin + uint32_t(which));
    }
  }
  write_tile<V>(tile, splats, canvas);
  return begin < splats.count ? begin : splats.count;
}

}  // namespace
}  // namespace splatworld
