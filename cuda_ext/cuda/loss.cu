// L1 + SSIM in two kernels over tiles of 16x16 pixels. The first applies the window to the pictures, along rows and then along
// columns in shared memory, and keeps the derivatives of similarity; the second applies it to these.
#include "cuda/loss.h"

namespace splatworld {
namespace {

constexpr int kSide = 16, kWide = kSide + 2 * kSsimReach;  // px: a tile, with its halo
constexpr int kBands = 3;
constexpr unsigned kBlock = kSide * kSide;
constexpr unsigned kSumBlock = 1024;

// A tile, and a thread's pixel in it.
struct Spot {
  int picture, tile_x, tile_y;  // px
  int column, row;              // in the tile
};

SW_HD int tiles_along(int pixels) { return (pixels + kSide - 1) / kSide; }

__device__ inline Spot spot_of(const LossImages& images) {
  const int columns = tiles_along(images.width), rows = tiles_along(images.height);
  const int tile = int(blockIdx.x), thread = int(threadIdx.x);
  return {tile / (columns * rows), tile % columns * kSide, tile / columns % rows * kSide, thread % kSide, thread / kSide};
}

__device__ inline bool inside(const LossImages& images, int x, int y) {
  return x >= 0 && x < images.width && y >= 0 && y < images.height;
}

__device__ inline int64_t pixel_of(const LossImages& images, int picture, int x, int y) {
  return (int64_t(picture) * images.height + y) * images.width + x;
}

__device__ inline float2 pair_at(const LossImages& images, int64_t pixel, int band) {
  const int64_t at = kBands * pixel + band;
  const float target = images.target ? images.target[at] : float(images.target_u8[at]) / 255;
  return {images.image[images.stride * pixel + band], target};
}

__device__ inline float weight_at(const LossImages& images, int64_t pixel) {
  return images.weights ? images.weights[pixel] : 1.0f;
}

// Sum over the block; right in thread 0.
__device__ float2 block_sum(float2 value) {
  __shared__ float2 sums[kBlock / 32];
  for (int by = 16; by > 0; by /= 2) {
    value.x += __shfl_xor_sync(0xffffffffu, value.x, by);
    value.y += __shfl_xor_sync(0xffffffffu, value.y, by);
  }
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = value;
  __syncthreads();
  for (unsigned i = 1; i < kBlock / 32; ++i) value.x += sums[i].x, value.y += sums[i].y;
  return value;
}

// `derivatives`, where not null: three planes of one number for each of the pictures'. `parts`: sums of each block.
__global__ void __launch_bounds__(kBlock) similarity(LossImages images, float* derivatives, float2* parts) {
  __shared__ float2 pairs[kWide][kWide * kBands];
  __shared__ float4 along[kWide][kSide];
  const Spot spot = spot_of(images);
  for (int i = int(threadIdx.x); i < kWide * kWide * kBands; i += kBlock) {
    const int row = i / (kWide * kBands), number = i % (kWide * kBands);
    const int x = spot.tile_x - kSsimReach + number / kBands, y = spot.tile_y - kSsimReach + row;
    float2 pair = {0, 0};
    if (inside(images, x, y)) pair = pair_at(images, pixel_of(images, spot.picture, x, y), number % kBands);
    pairs[row][number] = pair;
  }
  __syncthreads();

  const int x = spot.tile_x + spot.column, y = spot.tile_y + spot.row;
  const bool mine = inside(images, x, y);
  const int64_t pixel = mine ? pixel_of(images, spot.picture, x, y) : 0;
  const int64_t plane = kBands * int64_t(images.count) * images.height * images.width;
  const float weight = mine ? weight_at(images, pixel) : 0;
  float2 sums = {0, 0};
  for (int band = 0; band < kBands; ++band) {
    for (int i = int(threadIdx.x); i < kWide * kSide; i += kBlock) {
      const int row = i / kSide, column = i % kSide;
      float4 mean = {0, 0, 0, 0};
#pragma unroll
      for (int k = 0; k < kSsimTaps; ++k) {
        float2 pair = pairs[row][(column + k) * kBands + band];
        pair = {ssim_value(pair.x), ssim_value(pair.y)};
        const float tap = ssim_tap(k);
        mean.x += tap * pair.x, mean.y += tap * pair.y;
        mean.z += tap * (pair.x * pair.x + pair.y * pair.y), mean.w += tap * (pair.x * pair.y);
      }
      along[row][column] = mean;
    }
    __syncthreads();
    SsimMeans means = {0, 0, 0, 0};
#pragma unroll
    for (int k = 0; k < kSsimTaps; ++k) {
      const float4 mean = along[spot.row + k][spot.column];
      const float tap = ssim_tap(k);
      means.x += tap * mean.x, means.y += tap * mean.y, means.squares += tap * mean.z, means.product += tap * mean.w;
    }
    __syncthreads();
    if (!mine) continue;
    const Ssim ssim = ssim_of(means);
    const float2 pair = pairs[spot.row + kSsimReach][(spot.column + kSsimReach) * kBands + band];
    sums.x += weight * fabsf(pair.x - pair.y), sums.y += weight * (1 - ssim.value);
    if (!derivatives) continue;
    const float scale = -images.ssim_scale * weight;
    float* to = derivatives + kBands * pixel + band;
    to[0] = scale * ssim.by_x, to[plane] = scale * ssim.by_squares, to[2 * plane] = scale * ssim.by_product;
  }
  sums = block_sum(sums);
  if (threadIdx.x == 0) parts[blockIdx.x] = sums;
}

__global__ void __launch_bounds__(kBlock) similarity_back(LossImages images, const float* derivatives) {
  __shared__ float tiles[3][kWide][kWide * kBands];
  __shared__ float4 along[kWide][kSide];
  const Spot spot = spot_of(images);
  const int64_t plane = kBands * int64_t(images.count) * images.height * images.width;
  for (int i = int(threadIdx.x); i < kWide * kWide * kBands; i += kBlock) {
    const int row = i / (kWide * kBands), number = i % (kWide * kBands);
    const int x = spot.tile_x - kSsimReach + number / kBands, y = spot.tile_y - kSsimReach + row;
    const bool seen = inside(images, x, y);
    const int64_t at = seen ? kBands * pixel_of(images, spot.picture, x, y) + number % kBands : 0;
    for (int k = 0; k < 3; ++k) tiles[k][row][number] = seen ? derivatives[k * plane + at] : 0;
  }
  __syncthreads();

  const int x = spot.tile_x + spot.column, y = spot.tile_y + spot.row;
  const bool mine = inside(images, x, y);
  const int64_t pixel = mine ? pixel_of(images, spot.picture, x, y) : 0;
  for (int band = 0; band < kBands; ++band) {
    for (int i = int(threadIdx.x); i < kWide * kSide; i += kBlock) {
      const int row = i / kSide, column = i % kSide;
      float4 sum = {0, 0, 0, 0};
#pragma unroll
      for (int k = 0; k < kSsimTaps; ++k) {
        const int at = (column + k) * kBands + band;
        const float tap = ssim_tap(k);
        sum.x += tap * tiles[0][row][at], sum.y += tap * tiles[1][row][at], sum.z += tap * tiles[2][row][at];
      }
      along[row][column] = sum;
    }
    __syncthreads();
    float3 sum = {0, 0, 0};
#pragma unroll
    for (int k = 0; k < kSsimTaps; ++k) {
      const float4 part = along[spot.row + k][spot.column];
      const float tap = ssim_tap(k);
      sum.x += tap * part.x, sum.y += tap * part.y, sum.z += tap * part.z;
    }
    __syncthreads();
    if (!mine) continue;
    const float2 pair = pair_at(images, pixel, band);
    const float sign = pair.x > pair.y ? 1.0f : pair.x < pair.y ? -1.0f : 0.0f;
    const float held = ssim_value(pair.x), similarity = sum.x + 2 * held * sum.y + ssim_value(pair.y) * sum.z;
    images.gradient[kBands * pixel + band] =
        images.l1_scale * weight_at(images, pixel) * sign + (held == pair.x ? similarity : 0);
  }
}

// One block, for sums in a fixed order.
__global__ void __launch_bounds__(kSumBlock) sum_parts(LossImages images, const float2* parts, unsigned count, float* out) {
  __shared__ double sums[2][kSumBlock / 32];
  double l1 = 0, dissimilarity = 0;
  for (unsigned i = threadIdx.x; i < count; i += kSumBlock) l1 += parts[i].x, dissimilarity += parts[i].y;
  for (int by = 16; by > 0; by /= 2) {
    l1 += __shfl_xor_sync(0xffffffffu, l1, by);
    dissimilarity += __shfl_xor_sync(0xffffffffu, dissimilarity, by);
  }
  if (threadIdx.x % 32 == 0) sums[0][threadIdx.x / 32] = l1, sums[1][threadIdx.x / 32] = dissimilarity;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (unsigned i = 1; i < kSumBlock / 32; ++i) l1 += sums[0][i], dissimilarity += sums[1][i];
  const double numbers = double(kBands) * images.count * images.height * images.width;
  out[0] = float(images.l1_scale * l1 + images.ssim_scale * dissimilarity);
  out[1] = float(l1 / numbers), out[2] = float(dissimilarity / numbers);
}

uint64_t tiles_of(int count, int height, int width) {
  return uint64_t(count) * tiles_along(height) * tiles_along(width);
}

}  // namespace

uint64_t loss_scratch(int count, int height, int width, bool gradient) {
  return 2 * tiles_of(count, height, width) + (gradient ? 3 * uint64_t(kBands) * count * height * width : 0);
}

void loss(const LossImages& images, float* scratch, float* sums, Stream stream) {
  const unsigned blocks = unsigned(tiles_of(images.count, images.height, images.width));
  float2* parts = reinterpret_cast<float2*>(scratch);
  float* derivatives = images.gradient ? scratch + 2 * uint64_t(blocks) : nullptr;
  launch(similarity, blocks, kBlock, stream, images, derivatives, parts);
  if (derivatives) launch(similarity_back, blocks, kBlock, stream, images, derivatives);
  launch(sum_parts, 1, kSumBlock, stream, images, parts, blocks, sums);
}

}  // namespace splatworld
