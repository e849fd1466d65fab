// Footprints to pixels: a block blends a tile, a warp the 8x4 pixels of a patch, a thread one pixel.
#include "cuda/blend.h"

#include "cuda/chain.h"
#include "cuda/packed.h"

namespace splatworld {
namespace {

// What a kernel writes, and so what it blends: Picture for the first pass, or
struct Features {};
struct Bytes {
  uint8_t* pixels;  // h w 3
  float3 background;
};

// A part of a tile's list, in shared memory.
struct Batch {
  float4 geometry[kBucket];
  float2 shape[kBucket];  // r, power
  float4 values[kBucket];
};

struct Pixel {
  float4 sum = {0, 0, 0, 0};
  float transmittance = 1;
  float faintest;         // log2 of the least alpha that counts; infinite once nothing does
  uint32_t last = 0;      // one past the last list entry taken
  uint32_t surface = 0;   // one past the entry that brought the transmittance to kMedian
};

__device__ Disc disc(const Batch& batch, int i) {
  const float4 a = batch.geometry[i];
  const float2 b = batch.shape[i];
  return {a.x, a.y, a.z, a.w, b.x, b.y};
}

template <class Output>
__device__ void load(const Frame& frame, uint32_t entry, int i, Batch& batch) {
  const uint32_t number = __ldg(frame.pairs + entry);
  const float4 b = __ldg(frame.geometry + 2 * number + 1);
  batch.geometry[i] = __ldg(frame.geometry + 2 * number);
  batch.shape[i] = {b.x, b.y};
  batch.values[i] = std::is_same_v<Output, Bytes> ? unpacked_rgb(b.z, b.w) : __ldg(frame.values + number);
}

__device__ bool ended(const Pixel& pixel) { return pixel.faintest > 0; }

template <class Output>
__device__ void take(Pixel& pixel, float power, float alpha_max, float4 value, uint32_t entry) {
  const float alpha = fminf(exp2f(power), alpha_max);
  const float next = dimmed(pixel.transmittance, alpha);
  if (next <= kStop) {
    pixel.faintest = INFINITY;
    return;
  }
  const float weight = alpha * pixel.transmittance;
  pixel.sum.x = fmaf(weight, value.x, pixel.sum.x);
  pixel.sum.y = fmaf(weight, value.y, pixel.sum.y);
  pixel.sum.z = fmaf(weight, value.z, pixel.sum.z);
  pixel.sum.w = fmaf(weight, value.w, pixel.sum.w);
  pixel.last = entry + 1;
  if (std::is_same_v<Output, Picture> && next <= kMedian && pixel.surface == 0) pixel.surface = entry + 1;
  pixel.transmittance = next;
}

// Entries [first, first + count) of the list, of which `batch` holds the data, into a warp's pixels.
template <class Output>
__device__ void blend_batch(const Batch& batch, uint32_t first, int count, float2 corner, float2 centre, float alpha_max,
                            Pixel& pixel) {
  const int lane = int(threadIdx.x) % kWarp;
  for (int group = 0; group < count; group += kWarp) {
    if (__all_sync(kAll, ended(pixel))) return;
    const int mine = group + lane;
    const bool seen = mine < count && touches_patch(disc(batch, mine), corner.x, corner.y);
    for (uint32_t hits = __ballot_sync(kAll, seen); hits; hits &= hits - 1) {
      const int i = group + __ffs(int(hits)) - 1;
      const float power = log2_alpha(disc(batch, i), centre.x, centre.y);
      if (power >= pixel.faintest) take<Output>(pixel, power, alpha_max, batch.values[i], first + uint32_t(i));
    }
  }
}

__device__ void save(const Frame& frame, uint32_t slot, int in_tile, const Pixel& pixel) {
  const int64_t at = int64_t(slot) * kPixels + in_tile;
  frame.checkpoint_values[at] = pixel.sum;
  frame.checkpoint_transmittance[at] = pixel.transmittance;
}

// The largest `last` of the tile. Called by all threads.
__device__ void write_tile_last(const Frame& frame, int tile, uint32_t last) {
  __shared__ uint32_t largest;
  if (threadIdx.x == 0) largest = 0;
  __syncthreads();
  for (int by = kWarp / 2; by > 0; by /= 2) last = max(last, __shfl_xor_sync(kAll, last, by));
  if (threadIdx.x % kWarp == 0) atomicMax(&largest, last);
  __syncthreads();
  if (threadIdx.x == 0) frame.tile_last[tile] = largest;
}

__device__ void write(const Frame& frame, const Features&, uint32_t, int64_t at, const Pixel& pixel) {
  frame.totals[at] = pixel.sum;
}

__device__ uint8_t byte(float value) { return uint8_t(fminf(fmaxf(value, 0.0f), 1.0f) * 255.0f + 0.5f); }

__device__ void write(const Frame&, const Bytes& bytes, uint32_t, int64_t at, const Pixel& pixel) {
  const float through = pixel.transmittance;
  bytes.pixels[3 * at] = byte(fmaf(through, bytes.background.x, pixel.sum.x));
  bytes.pixels[3 * at + 1] = byte(fmaf(through, bytes.background.y, pixel.sum.y));
  bytes.pixels[3 * at + 2] = byte(fmaf(through, bytes.background.z, pixel.sum.z));
}

__device__ void write(const Frame& frame, const Picture& picture, uint32_t list, int64_t at, const Pixel& pixel) {
  frame.totals[at] = pixel.sum;
  picture.alpha[at] = 1.0f - pixel.transmittance;
  float depth = 0;
  int32_t thing = 0;
  if (pixel.surface) {
    const uint32_t number = frame.pairs[list + pixel.surface - 1];
    depth = frame.values[number].w;
    thing = __float_as_int(frame.geometry[2 * number + 1].z);
  }
  picture.median[at] = depth;
  picture.things[at] = thing;
  if (!frame.last) return;
  frame.transmittance[at] = pixel.transmittance;
  frame.last[at] = pixel.last;
}

template <class Output>
__global__ void __launch_bounds__(kPixels) blend_tiles(Frame frame, Output output) {
  __shared__ Batch batch;
  const int tile = int(frame.tile_order[blockIdx.x]);
  const int tile_x = tile % frame.tiles_x * kTile, tile_y = (tile / frame.tiles_x + frame.tile_row) * kTile;
  const Place place = place_of(int(threadIdx.x)), patch = place_of(int(threadIdx.x) & -kPatchPixels);
  const int x = tile_x + place.x, y = tile_y + place.y;
  const float2 corner = {float(tile_x + patch.x) + 0.5f, float(tile_y + patch.y) + 0.5f};
  const float2 centre = {float(x) + 0.5f, float(y) + 0.5f};
  const bool inside = x < frame.width && y < frame.height;
  Pixel pixel;
  pixel.faintest = inside ? kLog2AlphaMin : INFINITY;

  const uint2 list = frame.ranges[tile];
  for (uint32_t entry = list.x; entry < list.y; entry += kBucket) {
    if (__syncthreads_and(ended(pixel))) break;
    if (frame.checkpoint_values && entry > list.x)
      save(frame, checkpoint_slot(list.x, (entry - list.x) / kBucket), place.y * kTile + place.x, pixel);
    const int count = int(min(list.y - entry, uint32_t(kBucket)));
    if (int(threadIdx.x) < count) load<Output>(frame, entry + threadIdx.x, int(threadIdx.x), batch);
    __syncthreads();
    blend_batch<Output>(batch, entry - list.x, count, corner, centre, frame.alpha_max, pixel);
  }
  if constexpr (std::is_same_v<Output, Picture>) {
    if (frame.tile_last) write_tile_last(frame, tile, pixel.last);
    if (output.skipped && blockIdx.x + threadIdx.x == 0) *output.skipped = int32_t(frame.counters[kBroken]);
  }
  if (inside) write(frame, output, list.x, int64_t(y) * frame.width + x, pixel);
}

__global__ void __launch_bounds__(kBlock) gather(Frame frame, const float* features, int channels, int first) {
  const uint32_t number = blockIdx.x * kBlock + threadIdx.x;
  if (number >= footprints_of(frame)) return;
  const int64_t row = __float_as_uint(frame.geometry[2 * number + 1].w);
  const float* from = features + row * channels + first;
  const int there = channels - first;
  frame.values[number] = {from[0], there > 1 ? from[1] : 0, there > 2 ? from[2] : 0, there > 3 ? from[3] : 0};
}

template <class Output>
void start(const Frame& frame, const Output& output, Stream stream) {
  launch(blend_tiles<Output>, unsigned(tiles_of(frame)), kPixels, stream, frame, output);
}

}  // namespace

void blend(const Frame& frame, const Picture& picture, Stream stream) { start(frame, picture, stream); }

void blend_features(const Frame& frame, const float* features, int channels, int first, Stream stream) {
  launch(gather, blocks_for(frame.visible_capacity, kBlock), kBlock, stream, frame, features, channels, first);
  start(frame, Features{}, stream);
}

void blend_bytes(const Frame& frame, uint8_t* bytes, float3 background, Stream stream) {
  start(frame, Bytes{bytes, background}, stream);
}

}  // namespace splatworld
