// Back to front over the pixels of a tile: what each splat's footprint and values would have changed. Include only from
// the files of the instruction sets.
#pragma once

#include "cpu/blend_impl.h"

namespace splatworld {
namespace {

template <class V>
struct PixelsGrad {
  typename V::F transmittance;  // in front of the splats walked so far
  typename V::F behind;         // what they add to the loss, less what alpha takes
  typename V::F sums[4];        // the loss's gradients for the pixel
};

template <class V>
struct TileGrad {
  static constexpr int parts = kParts<V>;
  PixelsGrad<V> pixels[kTile][parts];
  alignas(64) int32_t ends[kTile][kTile] = {};
  int32_t row_ends[kTile] = {};

  TileGrad(const TileList& splats, const CanvasGrad& canvas) {
    const int columns = canvas.width - splats.x < kTile ? canvas.width - splats.x : kTile;
    for (int y = 0; y < kTile && splats.y + y < canvas.height; ++y) {
      alignas(64) float lane[6][kTile] = {};
      const int64_t row = int64_t(splats.y + y) * canvas.width + splats.x;
      for (int x = 0; x < columns; ++x) {
        lane[0][x] = canvas.transmittance[row + x];
        // d alpha / d alpha_i is what ends up behind everything, over 1 - alpha_i.
        if (canvas.alpha) lane[1][x] = -canvas.alpha[row + x] * lane[0][x];
        ends[y][x] = int32_t(canvas.ends[row + x]);
        if (row_ends[y] < ends[y][x]) row_ends[y] = ends[y][x];
      }
      for (int k = 0; k < 4; ++k) {
        const Plane& plane = canvas.sums[k];
        if (plane.first)
          for (int x = 0; x < columns; ++x) lane[2 + k][x] = plane.first[(row + x) * plane.step];
      }
      for (int part = 0; part < parts; ++part) {
        const auto of = [&](int k) { return V::load(lane[k] + part * V::lanes); };
        pixels[y][part] = {of(0), of(1), {of(2), of(3), of(4), of(5)}};
      }
    }
  }

  // Bit y: row y had living pixels when splat `i` was blended.
  uint32_t rows(int32_t i) const {
    uint32_t out = 0;
    for (int part = 0; part < parts; ++part)
      out |= V::bits(V::after(row_ends + part * V::lanes, i)) << (part * V::lanes);
    return out;
  }
};

template <class V>
struct SplatLanes {
  typename V::F v, vt, vtx, vty, vy, vyy, absolute_x, absolute_y, values[4];
  SplatLanes() {
    v = vt = vtx = vty = vy = vyy = absolute_x = absolute_y = V::set(0);
    for (auto& value : values) value = V::set(0);
  }
  void reduce(SplatSums* out) const {
    const auto zero = V::set(0);
    const typename V::F all[16] = {v,         vt,        vtx,       vty,       vy,   vyy,  absolute_x, absolute_y,
                                   values[0], values[1], values[2], values[3], zero, zero, zero,       zero};
    V::sums(all, out->of);
  }
};

template <class V, bool kAbsolute>
inline void unblend_row(TileGrad<V>& tile, int y, int32_t i, const Slices<V>& at,
                        const typename V::F* values, typename V::F alpha_max, SplatLanes<V>& out) {
  const auto base = V::set(at.base[y]), dy = V::set(at.dy[y]);
  for (int part = 0; part < TileGrad<V>::parts; ++part) {
    PixelsGrad<V>& px = tile.pixels[y][part];
    const auto t = V::fma(V::set(at.p), steps<V>(part), V::set(at.t[y]));
    const auto power = V::fnma(t, t, base);
    const auto hit = V::both(V::le(V::set(kLog2AlphaMin), power), V::after(tile.ends[y] + part * V::lanes, i));
    if (!V::bits(hit)) continue;
    const auto raw = exp2_of<V>(power), alpha = V::min(raw, alpha_max);
    const auto stretch = V::div(V::set(1.0f), V::sub(V::set(1.0f), alpha));
    const auto before = V::mul(px.transmittance, stretch);
    const auto weight = V::masked(hit, V::mul(alpha, before));
    auto shine = V::mul(px.sums[0], values[0]);
    for (int k = 1; k < 4; ++k) shine = V::fma(px.sums[k], values[k], shine);
    const auto alpha_grad = V::fnma(px.behind, stretch, V::mul(before, shine));
    px.behind = V::fma(weight, shine, px.behind);
    px.transmittance = V::where(hit, before, px.transmittance);
    for (int k = 0; k < 4; ++k) out.values[k] = V::fma(weight, px.sums[k], out.values[k]);

    // A clamped alpha does not move.
    const auto v = V::masked(V::both(hit, V::lt(raw, alpha_max)), V::mul(alpha, alpha_grad));
    const auto vt = V::mul(v, t), vy = V::mul(v, dy);
    out.v = V::add(out.v, v);
    out.vt = V::add(out.vt, vt);
    out.vtx = V::fma(vt, V::add(V::set(at.left), steps<V>(part)), out.vtx);
    out.vty = V::fma(vt, dy, out.vty);
    out.vy = V::add(out.vy, vy);
    out.vyy = V::fma(vy, dy, out.vyy);
    if (kAbsolute) {
      const auto pull_y = V::fma(V::set(at.splat->q), vt, V::mul(V::set(at.splat->r * at.splat->r), vy));
      out.absolute_x = V::add(out.absolute_x, V::abs(V::mul(V::set(at.splat->p), vt)));
      out.absolute_y = V::add(out.absolute_y, V::abs(pull_y));
    }
  }
}

template <class V, bool kAbsolute>
void unblend_tile(const TileList& splats, const CanvasGrad& canvas, SplatSums* out) {
  TileGrad<V> tile(splats, canvas);
  const auto alpha_max = V::set(splats.alpha_max);
  Slices<V> slices[kBatch];
  for (uint32_t end = splats.count; end > 0;) {
    const uint32_t begin = end > kBatch ? end - kBatch : 0;
    for (uint32_t i = begin; i < end; ++i) {
      slices[i - begin].cut(splats, i);
      slices[i - begin].rows &= tile.rows(int32_t(i));
      if (begin >= kBatch) prefetch(splats.footprints + splats.list[i - kBatch]);
    }
    for (; end > begin; --end) {
      const int32_t i = int32_t(end) - 1;
      const Slices<V>& at = slices[uint32_t(i) - begin];
      const typename V::F values[4] = {V::set(at.values[0]), V::set(at.values[1]), V::set(at.values[2]),
                                       V::set(at.values[3])};
      SplatLanes<V> lanes;
      for (uint32_t todo = at.rows; todo; todo &= todo - 1)
        unblend_row<V, kAbsolute>(tile, lowest_bit(todo), i, at, values, alpha_max, lanes);
      lanes.reduce(out + i);
    }
  }
}

template <class V>
void blend_backward_tile(const TileList& splats, const CanvasGrad& canvas, bool absolute, SplatSums* out) {
  if (absolute)
    unblend_tile<V, true>(splats, canvas, out);
  else
    unblend_tile<V, false>(splats, canvas, out);
}

}  // namespace
}  // namespace splatworld
