// The inner loops, written once over a vector type V. Include only from the per-instruction-set files: everything here
// is local to them, so that the linker cannot mix code for one processor into another's.
//
// V has: lanes, F (floats), M (a mask); set, load, store, add, sub, mul, min, fma(a, b, c) = a b + c,
// fnma(a, b, c) = c - a b, exp2 (for -8 <= x <= 0), ge, gt, le, both, without(a, b) = a and not b, bits, from_bits,
// where(m, a, b), masked(m, a) = a or 0.
#pragma once

#if defined(_MSC_VER)
#include <intrin.h>
#endif

#include "cpu/kernels.h"

namespace splatworld {
namespace {

int project_range(const Gaussians& splats, const View<float>& view, const Settings& settings, int64_t begin, int64_t end,
                  Footprint* out) {
  int visible = 0;
  for (int64_t i = begin; i < end; ++i) visible += project(splats, i, view, settings, out + visible) == Fate::drawn;
  return visible;
}

// Coefficients of 2^x for |x| <= 0.5: least relative error, 1e-7 (fitted for this range).
constexpr float kExp2[6] = {1.00000012f, 0.693146944f, 0.240221202f, 0.0555071309f, 0.00967554189f, 0.00132764713f};

SW_HD int lowest_bit(uint32_t bits) {
#if defined(_MSC_VER) && !defined(__clang__)
  unsigned long index;
  _BitScanForward(&index, bits);
  return int(index);
#else
  return __builtin_ctz(bits);
#endif
}

template <class V>
struct Pixels {  // V::lanes neighbours in a row
  typename V::F transmittance, red, green, blue, depth;
  typename V::M alive, unsettled;
};

template <class V>
struct Tile {
  static constexpr int parts = kTile / V::lanes;
  Pixels<V> pixels[kTile][parts];
  float median[kTile][kTile];
  int32_t things[kTile][kTile];
  uint32_t rows = 0;  // bit y: row y has living pixels

  Tile(int columns_inside, int rows_inside) {
    for (int y = 0; y < kTile; ++y) {
      const uint32_t inside = y < rows_inside ? (1u << columns_inside) - 1 : 0;
      if (inside) rows |= 1u << y;
      for (int part = 0; part < parts; ++part) {
        const auto mask = V::from_bits(inside >> (part * V::lanes));
        const auto zero = V::set(0);
        pixels[y][part] = {V::set(1), zero, zero, zero, zero, mask, mask};
      }
      for (int x = 0; x < kTile; ++x) {
        median[y][x] = 0;
        things[y][x] = 0;
      }
    }
  }

  // Remember the splat that makes a surface at the pixels in `bits`. Once per pixel at most, so plain code will do.
  void settle(uint32_t bits, int y, int part, const Footprint& splat) {
    for (; bits; bits &= bits - 1) {
      const int x = part * V::lanes + lowest_bit(bits);
      median[y][x] = splat.values[3];
      things[y][x] = splat.thing;
    }
  }
};

template <class V>
inline void blend_row(Tile<V>& tile, int y, const Footprint& splat, float dy, const typename V::F* p_dx, float alpha_max) {
  const auto q_dy = V::set(splat.q * dy);
  const auto base = V::set(splat.power - splat.r * dy * splat.r * dy);
  uint32_t living = 0;
  for (int part = 0; part < Tile<V>::parts; ++part) {
    Pixels<V>& px = tile.pixels[y][part];
    const auto t = V::add(p_dx[part], q_dy);
    const auto power = V::fnma(t, t, base);
    const auto hit = V::both(V::ge(power, V::set(kLog2AlphaMin)), px.alive);
    if (V::bits(hit)) {
      const auto alpha = V::min(V::exp2(power), V::set(alpha_max));
      const auto weight = V::mul(alpha, px.transmittance);
      const auto next = V::sub(px.transmittance, weight);
      const auto go = V::both(hit, V::gt(next, V::set(kStop)));
      const auto kept = V::masked(go, weight);
      px.red = V::fma(kept, V::set(splat.values[0]), px.red);
      px.green = V::fma(kept, V::set(splat.values[1]), px.green);
      px.blue = V::fma(kept, V::set(splat.values[2]), px.blue);
      px.depth = V::fma(kept, V::set(splat.values[3]), px.depth);
      px.transmittance = V::where(go, next, px.transmittance);
      px.alive = V::without(px.alive, V::without(hit, go));
      const auto settled = V::both(px.unsettled, V::both(go, V::le(next, V::set(kMedian))));
      if (const uint32_t bits = V::bits(settled)) {
        tile.settle(bits, y, part, splat);
        px.unsettled = V::without(px.unsettled, settled);
      }
    }
    living |= V::bits(px.alive);
  }
  if (!living) tile.rows &= ~(1u << y);
}

template <class V>
void write_tile(const Tile<V>& tile, int x0, int y0, int columns, int rows, const Image& image) {
  for (int y = 0; y < rows; ++y) {
    float lane[5][kTile];
    for (int part = 0; part < Tile<V>::parts; ++part) {
      const Pixels<V>& px = tile.pixels[y][part];
      const int x = part * V::lanes;
      V::store(lane[0] + x, px.red);
      V::store(lane[1] + x, px.green);
      V::store(lane[2] + x, px.blue);
      V::store(lane[3] + x, px.depth);
      V::store(lane[4] + x, px.transmittance);
    }
    const int64_t row = int64_t(y0 + y) * image.width + x0;
    for (int x = 0; x < columns; ++x) {
      const float alpha = 1.0f - lane[4][x];
      for (int channel = 0; channel < 3; ++channel) image.rgb[3 * (row + x) + channel] = lane[channel][x];
      image.alpha[row + x] = alpha;
      image.depth[row + x] = alpha > 0 ? lane[3][x] / alpha : 0.0f;
      image.median[row + x] = tile.median[y][x];
      image.things[row + x] = tile.things[y][x];
    }
  }
}

template <class V>
void blend_tile(const Footprint* footprints, const uint32_t* list, uint32_t count, int tile_x, int tile_y,
                float alpha_max, const Image& image) {
  const int x0 = tile_x * kTile, y0 = tile_y * kTile;
  const int columns = image.width - x0 < kTile ? image.width - x0 : kTile;
  const int rows = image.height - y0 < kTile ? image.height - y0 : kTile;
  Tile<V> tile(columns, rows);
  float centres[kTile];
  for (int x = 0; x < kTile; ++x) centres[x] = float(x0 + x) + 0.5f;

  for (uint32_t i = 0; i < count && tile.rows; ++i) {
    const Footprint& splat = footprints[list[i]];
    const int begin = splat.row_begin > y0 ? splat.row_begin - y0 : 0;
    const int end = splat.row_end - y0 < kTile ? splat.row_end - y0 : kTile;
    uint32_t todo = tile.rows & ((1u << end) - 1) & ~((1u << begin) - 1);
    typename V::F p_dx[Tile<V>::parts];
    for (int part = 0; part < Tile<V>::parts; ++part)
      p_dx[part] = V::mul(V::set(splat.p), V::sub(V::load(centres + part * V::lanes), V::set(splat.x)));
    for (; todo; todo &= todo - 1) {
      const int y = lowest_bit(todo);
      blend_row<V>(tile, y, splat, float(y0 + y) + 0.5f - splat.y, p_dx, alpha_max);
    }
  }
  write_tile<V>(tile, x0, y0, columns, rows, image);
}

}  // namespace
}  // namespace splatworld
