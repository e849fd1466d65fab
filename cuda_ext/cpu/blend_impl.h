// Front to back over the pixels of a tile. Include only from the files of the instruction sets.
#pragma once

#include "cpu/kernels.h"
#include "cpu/lanes.h"

namespace splatworld {
namespace {

// A tile's columns of pixels, relative to a splat, and what is the same along each of its rows.
template <class V>
struct Offsets {
  static constexpr int parts = kTile / V::lanes;
  typename V::F p, dx[parts];
  alignas(64) float q_dy[kTile], base[kTile], dy[kTile];  // base: log2 alpha where p dx + q dy is 0
  uint32_t rows;  // bit y: the splat reaches kAlphaMin somewhere in row y

  Offsets(const Footprint& splat, int x, int y) {
    static constexpr float steps[kTile] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const float left = float(x) + 0.5f - splat.x, top = float(y) + 0.5f - splat.y;
    const auto q = V::set(splat.q), r = V::set(splat.r), zero = V::set(0);
    const auto first = V::set(left), last = V::set(left + (kTile - 1));
    p = V::set(splat.p);
    rows = 0;
    for (int part = 0; part < parts; ++part) {
      dx[part] = V::add(V::load(steps + part * V::lanes), first);
      const auto down = V::add(V::load(steps + part * V::lanes), V::set(top));
      const auto slant = V::mul(q, down), rise = V::mul(r, down);
      const auto height = V::fnma(rise, rise, V::set(splat.power));
      // |p dx + q dy| is least at an end of the row, or 0 between them. The pixels' own sums round in the same way, so
      // no pixel that counts is in a row left out.
      const auto nearest = V::max(V::max(V::fma(p, first, slant), V::sub(zero, V::fma(p, last, slant))), zero);
      rows |= V::bits(V::le(V::set(kLog2AlphaMin), V::fnma(nearest, nearest, height))) << (part * V::lanes);
      V::store(dy + part * V::lanes, down);
      V::store(q_dy + part * V::lanes, slant);
      V::store(base + part * V::lanes, height);
    }
  }
};

template <class V>
struct Pixels {  // V::lanes neighbours in a row
  typename V::F transmittance, sums[4];
  typename V::M alive, unsettled;
};

template <class V>
struct Tile {
  static constexpr int parts = kTile / V::lanes;
  Pixels<V> pixels[kTile][parts];
  float median[kTile][kTile] = {};
  int32_t things[kTile][kTile] = {};
  uint32_t ends[kTile][kTile];
  uint32_t rows = 0;  // bit y: row y has living pixels

  Tile(const TileList& splats, const Canvas& canvas) {
    const int columns = canvas.width - splats.x < kTile ? canvas.width - splats.x : kTile;
    for (int y = 0; y < kTile; ++y) {
      const uint32_t inside = splats.y + y < canvas.height ? (1u << columns) - 1 : 0;
      if (inside) rows |= 1u << y;
      for (int part = 0; part < parts; ++part) {
        const auto mask = V::from_bits(inside >> (part * V::lanes));
        const auto zero = V::set(0);
        pixels[y][part] = {V::set(1), {zero, zero, zero, zero}, mask, canvas.median ? mask : V::from_bits(0)};
      }
      for (int x = 0; x < kTile; ++x) ends[y][x] = splats.count;
    }
  }

  // Remember the splat that makes a surface at the pixels in `bits`. Once per pixel at most, so plain code will do.
  void settle(uint32_t bits, int y, int part, float depth, int32_t thing) {
    for (; bits; bits &= bits - 1) {
      const int x = part * V::lanes + lowest_bit(bits);
      median[y][x] = depth;
      things[y][x] = thing;
    }
  }

  void end(uint32_t bits, int y, int part, uint32_t position) {
    for (; bits; bits &= bits - 1) ends[y][part * V::lanes + lowest_bit(bits)] = position;
  }
};

template <class V>
inline void blend_row(Tile<V>& tile, int y, const Offsets<V>& at, const Footprint& splat, const typename V::F* values,
                      typename V::F alpha_max, uint32_t position) {
  const auto q_dy = V::set(at.q_dy[y]), base = V::set(at.base[y]);
  for (int part = 0; part < Tile<V>::parts; ++part) {
    Pixels<V>& px = tile.pixels[y][part];
    const auto t = V::fma(at.p, at.dx[part], q_dy);
    const auto power = V::fnma(t, t, base);
    const auto hit = V::both(V::le(V::set(kLog2AlphaMin), power), px.alive);
    if (!V::bits(hit)) continue;
    const auto alpha = V::min(exp2_of<V>(power), alpha_max);
    const auto weight = V::mul(alpha, px.transmittance);
    const auto next = V::sub(px.transmittance, weight);
    const auto go = V::both(hit, V::lt(V::set(kStop), next));
    const auto kept = V::masked(go, weight);
    for (int k = 0; k < 4; ++k) px.sums[k] = V::fma(kept, values[k], px.sums[k]);
    px.transmittance = V::where(go, next, px.transmittance);
    if (const uint32_t ended = V::bits(V::without(hit, go))) {
      px.alive = V::without(px.alive, V::without(hit, go));
      tile.end(ended, y, part, position);
      uint32_t living = 0;
      for (const Pixels<V>& each : tile.pixels[y]) living |= V::bits(each.alive);
      if (!living) tile.rows &= ~(1u << y);
    }
    const auto settled = V::both(px.unsettled, V::both(go, V::le(next, V::set(kMedian))));
    if (const uint32_t bits = V::bits(settled)) {
      tile.settle(bits, y, part, splat.values[3], splat.thing);
      px.unsettled = V::without(px.unsettled, settled);
    }
  }
}

template <class V>
void write_tile(const Tile<V>& tile, const TileList& splats, const Canvas& canvas) {
  const int columns = canvas.width - splats.x < kTile ? canvas.width - splats.x : kTile;
  for (int y = 0; y < kTile && splats.y + y < canvas.height; ++y) {
    float lane[5][kTile];
    for (int part = 0; part < Tile<V>::parts; ++part) {
      const Pixels<V>& px = tile.pixels[y][part];
      for (int k = 0; k < 4; ++k) V::store(lane[k] + part * V::lanes, px.sums[k]);
      V::store(lane[4] + part * V::lanes, px.transmittance);
    }
    const int64_t row = int64_t(splats.y + y) * canvas.width + splats.x;
    for (int k = 0; k < 4; ++k) {
      const Plane<float>& plane = canvas.sums[k];
      if (plane.first)
        for (int x = 0; x < columns; ++x) plane.first[(row + x) * plane.step] = lane[k][x];
    }
    for (int x = 0; x < columns; ++x) {
      if (canvas.alpha) canvas.alpha[row + x] = 1.0f - lane[4][x];
      if (canvas.median) canvas.median[row + x] = tile.median[y][x];
      if (canvas.things) canvas.things[row + x] = tile.things[y][x];
      if (canvas.transmittance) canvas.transmittance[row + x] = lane[4][x];
      if (canvas.ends) canvas.ends[row + x] = tile.ends[y][x];
    }
  }
}

SW_HD void prefetch(const Footprint* at) {
#if !defined(_MSC_VER)
  __builtin_prefetch(at);
#else
  (void)at;
#endif
}

template <class V>
uint32_t blend_tile(const TileList& splats, const Canvas& canvas) {
  constexpr uint32_t kAhead = 4;
  Tile<V> tile(splats, canvas);
  const auto alpha_max = V::set(splats.alpha_max);
  uint32_t i = 0;
  for (; i < splats.count && tile.rows; ++i) {
    if (i + kAhead < splats.count) prefetch(splats.footprints + splats.list[i + kAhead]);
    const Footprint& splat = splats.footprints[splats.list[i]];
    const Offsets<V> at(splat, splats.x, splats.y);
    const float* from = splats.values + int64_t(splats.list[i]) * splats.step;
    const typename V::F values[4] = {V::set(from[0]), V::set(from[1]), V::set(from[2]), V::set(from[3])};
    for (uint32_t todo = tile.rows & at.rows; todo; todo &= todo - 1)
      blend_row<V>(tile, lowest_bit(todo), at, splat, values, alpha_max, i);
  }
  write_tile<V>(tile, splats, canvas);
  return i;
}

}  // namespace
}  // namespace splatworld
