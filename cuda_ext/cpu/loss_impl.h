// L1 + SSIM of one tile and its gradient, in one sweep downwards: the window is applied along rows as they come, then along
// columns over the last 11 of them, once for the means and once more for the derivatives on their way back.
// Memory comes from outside: code of the standard library must not be compiled for one processor and run on another.
// All loops run over numbers that lie side by side, so compilers turn them into vector code.
#include <math.h>
#include <string.h>

#include "cpu/side_by_side.h"
#include "cpu/train_kernels.h"
#include "splatworld/loss.h"

namespace splatworld {
namespace {

constexpr int kBands = 3;  // red, green, blue, side by side
constexpr int kHalo = kSsimReach * kBands;

// The last kSsimTaps rows of some quantity.
class Ring {
 public:
  Ring(float* values, int width) : values_(values), width_(width) {}
  float* row(int y) { return values_ + ((y + 4 * kSsimTaps) % kSsimTaps) * width_; }
  void clear(int y) { memset(row(y), 0, sizeof(float) * width_); }

  // The window along columns, around row `y`.
  void down(int y, float* out) {
    const float* rows[kSsimTaps];
    for (int k = 0; k < kSsimTaps; ++k) rows[k] = row(y + k - kSsimReach);
    SW_SIDE_BY_SIDE
    for (int j = 0; j < width_; ++j) {
      float sum = 0;
      for (int k = 0; k < kSsimTaps; ++k) sum += ssim_tap(k) * rows[k][j];
      out[j] = sum;
    }
  }

 private:
  float* values_;
  int width_;
};

// The window along a row; `in` begins kHalo before `out`.
void across(const float* in, int width, float* out) {
  SW_SIDE_BY_SIDE
  for (int j = 0; j < width; ++j) {
    float sum = 0;
    for (int k = 0; k < kSsimTaps; ++k) sum += ssim_tap(k) * in[j + kBands * k];
    out[j] = sum;
  }
}

// One tile's sweep. Rows of picture and target reach two halos beyond the tile, those of means and derivatives one.
class Sweep {
 public:
  Sweep(const LossImages& images, const LossTile& tile, float* scratch)
      : images_(images), tile_(tile), inner_(kBands * (tile.x_end - tile.x)), middle_(inner_ + 2 * kHalo),
        outer_(middle_ + 2 * kHalo), free_(scratch), x_(next(outer_)), y_(next(outer_)), squares_(next(outer_)),
        products_(next(outer_)), weights_(next(middle_)),
        mean_{next(middle_), next(middle_), next(middle_), next(middle_)}, by_{next(middle_), next(middle_), next(middle_)},
        l1_(next(inner_)), dissimilarity_(next(middle_)), means_{ring(middle_), ring(middle_), ring(middle_), ring(middle_)},
        derivatives_{ring(inner_), ring(inner_), ring(inner_)} {
    memset(l1_, 0, sizeof(float) * inner_);
    memset(dissimilarity_, 0, sizeof(float) * middle_);
  }

  LossSums run() {
    const int reach = images_.gradient ? 2 * kSsimReach : kSsimReach;
    for (int y = tile_.y - reach; y < tile_.y_end + reach; ++y) {
      means_along(y);
      const int middle = y - kSsimReach, last = y - 2 * kSsimReach;
      if (middle >= tile_.y - reach + kSsimReach) similarity(middle);
      if (images_.gradient && last >= tile_.y) gradient(last);
    }
    LossSums sums;
    for (int j = 0; j < inner_; ++j) sums.l1 += l1_[j];
    for (int j = kHalo; j < middle_ - kHalo; ++j) sums.dissimilarity += dissimilarity_[j];
    return sums;
  }

 private:
  float* next(int count) {
    float* const begin = free_;
    free_ += count;
    return begin;
  }
  Ring ring(int width) { return {next(width * kSsimTaps), width}; }
  bool inside(int y) const { return y >= 0 && y < images_.height; }
  int64_t pixel(int y, int x) const { return (int64_t(tile_.picture) * images_.height + y) * images_.width + x; }

  // Row `y` of an image from `margin` pixels left of the tile on, zeros outside.
  template <class T, class Convert>
  void take(const T* from, int bands, int y, int margin, Convert convert, float* to) const {
    const int begin = tile_.x - margin, end = tile_.x_end + margin;
    const int first = begin < 0 ? 0 : begin, past = end > images_.width ? images_.width : end;
    const int before = bands * (first - begin), count = bands * (past - first), after = bands * (end - past);
    const T* row = from + bands * pixel(y, first);
    memset(to, 0, sizeof(float) * before);
    SW_SIDE_BY_SIDE
    for (int j = 0; j < count; ++j) to[before + j] = convert(row[j]);
    memset(to + before + count, 0, sizeof(float) * after);
  }

  void take_pictures(int y, int margin, float* picture, float* target) const {
    take(images_.image, kBands, y, margin, [](float v) { return v; }, picture);
    if (images_.target_u8)
      take(images_.target_u8, kBands, y, margin, [](uint8_t v) { return float(v) / 255; }, target);
    else
      take(images_.target, kBands, y, margin, [](float v) { return v; }, target);
  }

  // Weight of each number of row `y`, 0 outside the image, from `margin` pixels left of the tile on.
  void take_weights(int y, int margin) {
    const int begin = tile_.x - margin, end = tile_.x_end + margin;
    for (int x = begin, j = 0; x < end; ++x) {
      const bool seen = x >= 0 && x < images_.width;
      const float weight = !seen ? 0.0f : images_.weights ? images_.weights[pixel(y, x)] : 1.0f;
      for (int band = 0; band < kBands; ++band) weights_[j++] = weight;
    }
  }

  void means_along(int y) {
    if (!inside(y)) {
      for (Ring& ring : means_) ring.clear(y);
      return;
    }
    take_pictures(y, 2 * kSsimReach, x_, y_);
    SW_SIDE_BY_SIDE
    for (int j = 0; j < outer_; ++j) {
      const float x = ssim_value(x_[j]), y = ssim_value(y_[j]);
      x_[j] = x, y_[j] = y;
      squares_[j] = x * x + y * y, products_[j] = x * y;
    }
    const float* rows[4] = {x_, y_, squares_, products_};
    for (int i = 0; i < 4; ++i) across(rows[i], middle_, means_[i].row(y));
  }

  // Similarity along row `y`, and its derivatives.
  void similarity(int y) {
    if (!inside(y)) {
      for (Ring& ring : derivatives_) ring.clear(y);
      return;
    }
    for (int i = 0; i < 4; ++i) means_[i].down(y, mean_[i]);
    take_weights(y, kSsimReach);
    const float counted = y >= tile_.y && y < tile_.y_end ? 1.0f : 0.0f, scale = -images_.ssim_scale;
    const float *mean_x = mean_[0], *mean_y = mean_[1], *squares = mean_[2];
    const float *products = mean_[3], *weights = weights_;
    float *by_x = by_[0], *by_squares = by_[1], *by_product = by_[2];
    float* dissimilarity = dissimilarity_;
    SW_SIDE_BY_SIDE
    for (int j = 0; j < middle_; ++j) {
      const Ssim ssim = ssim_of({mean_x[j], mean_y[j], squares[j], products[j]});
      dissimilarity[j] += counted * weights[j] * (1 - ssim.value);
      by_x[j] = scale * weights[j] * ssim.by_x;
      by_squares[j] = scale * weights[j] * ssim.by_squares;
      by_product[j] = scale * weights[j] * ssim.by_product;
    }
    if (counted != 0) absolute(y);
    if (!images_.gradient) return;
    for (int i = 0; i < 3; ++i) across(by_[i], inner_, derivatives_[i].row(y));
  }

  // |x - y| along row `y`.
  void absolute(int y) {
    take_pictures(y, 0, x_, y_);
    const float *x = x_, *target = y_, *weights = weights_ + kHalo;
    float* l1 = l1_;
    SW_SIDE_BY_SIDE
    for (int j = 0; j < inner_; ++j) l1[j] += weights[j] * fabsf(x[j] - target[j]);
  }

  void gradient(int y) {
    for (int i = 0; i < 3; ++i) derivatives_[i].down(y, by_[i]);
    take_pictures(y, 0, x_, y_);
    take_weights(y, 0);
    const float *x = x_, *target = y_, *weights = weights_, scale = images_.l1_scale;
    const float *by_x = by_[0], *by_squares = by_[1], *by_product = by_[2];
    float* out = images_.gradient + kBands * pixel(y, tile_.x);
    SW_SIDE_BY_SIDE
    for (int j = 0; j < inner_; ++j) {
      const float sign = x[j] > target[j] ? 1.0f : x[j] < target[j] ? -1.0f : 0.0f;
      const float held = ssim_value(x[j]);
      const float similarity = by_x[j] + 2 * held * by_squares[j] + ssim_value(target[j]) * by_product[j];
      out[j] = scale * weights[j] * sign + (held == x[j] ? similarity : 0.0f);
    }
  }

  const LossImages& images_;
  const LossTile& tile_;
  const int inner_, middle_, outer_;  // numbers in a row of the tile, with one halo, with two
  float* free_;                       // scratch that is not taken yet
  float *x_, *y_, *squares_, *products_, *weights_, *mean_[4], *by_[3], *l1_, *dissimilarity_;
  Ring means_[4], derivatives_[3];
};

LossSums loss_of_tile(const LossImages& images, const LossTile& tile, float* scratch) {
  return Sweep(images, tile, scratch).run();
}

}  // namespace
}  // namespace splatworld
