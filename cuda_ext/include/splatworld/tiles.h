// Which tiles a footprint touches: row by row of tiles, the columns that its ellipse crosses there.
#pragma once

#include "splatworld/gaussian.h"

namespace splatworld {

// The ellipse (p dx + q dy)^2 + (r dy)^2 = level inside which a footprint reaches kAlphaMin.
struct Outline {
  float x, y, p, q, r;
  float level;
  float tip;  // it reaches furthest right at dy = -tip and furthest left at dy = tip
};

struct Span {
  int first, last;  // tile columns, both inside; none where first > last
};

SW_HD Outline outline_of(const Footprint& splat) {
  const float level = most(splat.power - kLog2AlphaMin, 0.0f);
  const float tip = root(level / (splat.r * splat.r + splat.q * splat.q)) * splat.q / splat.r;
  return {splat.x, splat.y, splat.p, splat.q, splat.r, level, tip};
}

SW_HD Span tile_rows(const Footprint& splat) { return {splat.row_begin / kTile, (splat.row_end - 1) / kTile}; }

// `row` is one of tile_rows(splat).
SW_HD Span tile_columns(const Footprint& splat, const Outline& ellipse, int row) {
  const int first_row = row * kTile, end_row = first_row + kTile;
  const float top = float(splat.row_begin > first_row ? splat.row_begin : first_row) + 0.5f - ellipse.y;
  const float bottom = float(splat.row_end < end_row ? splat.row_end : end_row) - 0.5f - ellipse.y;
  const float dy_right = clamped(-ellipse.tip, top, bottom), dy_left = clamped(ellipse.tip, top, bottom);
  const float up_right = ellipse.r * dy_right, up_left = ellipse.r * dy_left;
  const float half_right = root(most(ellipse.level - up_right * up_right, 0.0f));
  const float half_left = root(most(ellipse.level - up_left * up_left, 0.0f));
  const float right = (half_right - ellipse.q * dy_right) / ellipse.p;
  const float left = (-half_left - ellipse.q * dy_left) / ellipse.p;
  // The pixel test decides; spans must only not be too short, so rounding gets a little room.
  const float slack = 0.51f + 1e-5f * (fabsf(right) + fabsf(left));
  const float scale = 1.0f / kTile, low = float(splat.column_begin / kTile), high = float((splat.column_end - 1) / kTile);
  const float first = most(floorf((ellipse.x + left - slack) * scale), low);
  const float last = least(floorf((ellipse.x + right + slack) * scale), high);
  return first > last ? Span{1, 0} : Span{int(first), int(last)};
}

}  // namespace splatworld
