// Blending, the other way round.
//
// One warp takes kBucket entries of a tile's list, 32 at a time from the back: each lane holds one splat, the farthest
// in lane 0, and the tile's pixels walk through the lanes, one lane a step. So a splat's gradient is summed in
// registers over all pixels of the tile and leaves them once, and every pixel meets the splats back to front. With T
// the transmittance before a splat, a its alpha, v its value, g the pixel's gradient, and behind = sum over splats
// behind it of w (g . v), less g_alpha T_end,
//   d loss / d v = a T g,   d loss / d a = T (g . v) - behind / (1 - a),
// and T is that after the splat over (1 - a). This way `behind` grows from nothing in a pixel that ends in the bucket:
// no small difference of large sums, however deep the splat. Other pixels start from the checkpoint at the bucket's
// end.
#include "cuda/backward.h"
#include "cuda/blend.h"
#include "cuda/chain.h"

namespace splatworld {
namespace {

constexpr float kLn2 = 0.693147181f;

struct PixelState {
  float transmittance;  // behind the splats that the pixel has still to meet
  float behind;
};

// A tile's pixels as a warp keeps them in shared memory, in the order of patches.
struct TilePixels {
  float4 grads[kPixels];
  PixelState states[kPixels];
  uint32_t last[kPixels];
};

struct Work {
  int tile_x, tile_y;         // of the whole picture
  uint32_t list;              // where the tile's list begins in pairs
  uint32_t begin, end;        // entries of the list to go through
};

struct Lane {
  Disc disc;
  float4 value;
};

// What a splat gathers over pixels, e standing for d loss / d log2 alpha / ln 2, (u, v) for the whitened offset.
struct Gathered {
  float4 value;
  float e, eu, ev, eu_dx, eu_dy, ev_dy, abs_x, abs_y;
};

__device__ inline float dot4(float4 a, float4 b) { return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w; }

__device__ inline float4 pixel_grad(const ImageGrads& image, int64_t at) {
  float4 out = {0, 0, 0, 0};
  const float* values = image.values + at * image.stride;
  if (image.values) {
    out.x = values[0];
    if (image.channels > 1) out.y = values[1];
    if (image.channels > 2) out.z = values[2];
    if (image.channels > 3) out.w = values[3];
  }
  if (image.depth) out.w = image.depth[at];
  return out;
}

// The pixel's state behind the last entry of the work that it took.
__device__ inline PixelState state_behind(const Frame& frame, const Work& work, int64_t at, int in_tile, uint32_t last,
                                          float4 grad, float alpha_grad) {
  const float left = frame.transmittance[at];
  if (last <= work.end) return {left, -alpha_grad * left};
  const int64_t slot = int64_t(checkpoint_slot(work.list, work.end / kBucket)) * kPixels + in_tile;
  const float4 total = frame.totals[at], before = frame.checkpoint_values[slot];
  const float4 rest = {total.x - before.x, total.y - before.y, total.z - before.z, total.w - before.w};
  return {frame.checkpoint_transmittance[slot], dot4(grad, rest) - alpha_grad * left};
}

// Fills `pixels`; lane k gives back one past the last entry that patch k took.
__device__ inline uint32_t load_pixels(const Frame& frame, const ImageGrads& image, const Work& work, int lane,
                                       TilePixels& pixels) {
  uint32_t patch_last = 0;
  for (int patch = 0; patch < kPatches; ++patch) {
    const int number = patch * kPatchPixels + lane;
    const Place place = place_of(number);
    const int x = work.tile_x * kTile + place.x, y = work.tile_y * kTile + place.y;
    const int64_t at = int64_t(y) * frame.width + x;
    uint32_t last = x < frame.width && y < frame.height ? frame.last[at] : 0;
    if (last > work.begin) {
      const float4 grad = pixel_grad(image, at);
      pixels.grads[number] = grad;
      pixels.states[number] = state_behind(frame, work, at, place.y * kTile + place.x, last, grad,
                                           image.alpha ? image.alpha[at] : 0.0f);
    }
    pixels.last[number] = last;
    for (int by = 1; by < kWarp; by *= 2) last = max(last, __shfl_xor_sync(kAll, last, by));
    if (lane == patch) patch_last = last;
  }
  __syncwarp();
  return patch_last;
}

__device__ inline Lane load_splat(const Frame& frame, uint32_t footprint) {
  const float4 a = frame.geometry[2 * footprint], b = frame.geometry[2 * footprint + 1];
  return {{a.x, a.y, a.z, a.w, b.x, b.y}, frame.values[footprint]};
}

// Patches in which a splat of this warp may have to do with a pixel, as digits of 4 bits; `count` of them.
__device__ inline uint32_t live_patches(const Work& work, const Disc& disc, bool here, uint32_t first,
                                        uint32_t patch_last, int* count) {
  uint32_t digits = 0;
  *count = 0;
  for (int patch = 0; patch < kPatches; ++patch) {
    const Place place = place_of(patch * kPatchPixels);
    const float x = float(work.tile_x * kTile + place.x) + 0.5f, y = float(work.tile_y * kTile + place.y) + 0.5f;
    const bool deep = __shfl_sync(kAll, patch_last, patch) > first;
    if (!__any_sync(kAll, deep && here && touches_patch(disc, x, y))) continue;
    digits |= uint32_t(patch) << (4 * *count);
    ++*count;
  }
  return digits;
}

// One pixel meets one splat. `exponent` is log2 alpha, not below kLog2AlphaMin.
__device__ inline void meet(const Lane& splat, float exponent, float alpha_max, float dx, float dy, float4 grad,
                            PixelState& state, Gathered& sum) {
  const float raw = exp2f(exponent), alpha = least(raw, alpha_max);
  const float through = __fdividef(1.0f, 1.0f - alpha);
  const float before = state.transmittance * through, weight = alpha * before, gain = dot4(grad, splat.value);
  const float alpha_grad = before * gain - state.behind * through;
  state = {before, state.behind + weight * gain};
  sum.value = {sum.value.x + weight * grad.x, sum.value.y + weight * grad.y, sum.value.z + weight * grad.z,
               sum.value.w + weight * grad.w};
  if (raw > alpha_max) return;  // held: its shape does not matter here
  const float u = splat.disc.p * dx + splat.disc.q * dy, v = splat.disc.r * dy;
  const float e = alpha_grad * alpha, eu = e * u, ev = e * v;
  sum.e += e, sum.eu += eu, sum.ev += ev;
  sum.eu_dx += eu * dx, sum.eu_dy += eu * dy, sum.ev_dy += ev * dy;
  sum.abs_x += fabsf(eu), sum.abs_y += fabsf(splat.disc.q * eu + splat.disc.r * ev);
}

// Lets the pixels of `count` patches walk past the splats of the warp; the entry of lane 0 is the farthest.
__device__ inline bool walk(const Work& work, const Lane& splat, float alpha_max, bool here, uint32_t entry,
                            uint32_t patches, int count, int lane, TilePixels& pixels, Gathered& sum) {
  const float corner_x = float(work.tile_x * kTile) + 0.5f, corner_y = float(work.tile_y * kTile) + 0.5f;
  const int slots = count * kPatchPixels;
  PixelState state = {0, 0};
  bool met = false;
  for (int step = 0; step < slots + kWarp - 1; ++step) {
    state = {__shfl_up_sync(kAll, state.transmittance, 1), __shfl_up_sync(kAll, state.behind, 1)};
    const int slot = step - lane;
    if (slot < 0 || slot >= slots) continue;
    const int number = int(patches >> (slot / kPatchPixels * 4) & 7) * kPatchPixels + slot % kPatchPixels;
    if (lane == 0) state = pixels.states[number];
    if (here && entry < pixels.last[number]) {
      const Place place = place_of(number);
      const float x = corner_x + float(place.x), y = corner_y + float(place.y);
      const float exponent = log2_alpha(splat.disc, x, y);
      if (exponent >= kLog2AlphaMin) {
        meet(splat, exponent, alpha_max, x - splat.disc.x, y - splat.disc.y, pixels.grads[number], state, sum);
        met = true;
      }
    }
    if (lane == kWarp - 1) pixels.states[number] = state;
  }
  __syncwarp();
  return met;
}

#if defined(SW_EMULATED) || __CUDA_ARCH__ >= 900
__device__ inline void add(float4* to, float4 what) { atomicAdd(to, what); }
#else
__device__ inline void add(float4* to, float4 what) {
  atomicAdd(&to->x, what.x), atomicAdd(&to->y, what.y), atomicAdd(&to->z, what.z), atomicAdd(&to->w, what.w);
}
#endif

// log2 alpha = power - u^2 - v^2
__device__ inline void hand_over(const Disc& d, const Gathered& sum, bool alone, float4* to) {
  const float two = 2 * kLn2;
  const float4 a = {two * d.p * sum.eu, two * (d.q * sum.eu + d.r * sum.ev), -two * sum.eu_dx, -two * sum.eu_dy};
  const float4 b = {-two * sum.ev_dy, kLn2 * sum.e, two * d.p * sum.abs_x, two * sum.abs_y};
  if (alone) {
    to[0] = a, to[1] = b, to[2] = sum.value;
  } else {
    add(to, a), add(to + 1, b), add(to + 2, sum.value);
  }
}

__global__ void __launch_bounds__(kBlock) list_work(Frame frame, uint2* items, uint32_t* item_count) {
  const int tile = int(blockIdx.x * kBlock + threadIdx.x);
  if (tile >= tiles_of(frame)) return;
  const uint32_t buckets = (frame.tile_last[tile] + kBucket - 1) / kBucket;
  if (buckets == 0) return;
  const uint32_t at = atomicAdd(item_count, buckets);
  for (uint32_t bucket = 0; bucket < buckets; ++bucket) items[at + bucket] = {uint32_t(tile), bucket};
}

__device__ inline Work work_of(const Frame& frame, uint2 item) {
  const uint32_t begin = item.y * kBucket;
  return {int(item.x) % frame.tiles_x, frame.tile_row + int(item.x) / frame.tiles_x, frame.ranges[item.x].x, begin,
          min(begin + kBucket, frame.tile_last[item.x])};
}

__global__ void __launch_bounds__(kWarp) blend_back(Frame frame, ImageGrads image, BackwardScratch scratch) {
  __shared__ TilePixels pixels;
  const int lane = int(threadIdx.x);
  for (uint32_t item = blockIdx.x; item < *scratch.item_count; item += gridDim.x) {
    const Work work = work_of(frame, scratch.items[item]);
    const uint32_t patch_last = load_pixels(frame, image, work, lane, pixels);
    for (uint32_t end = work.end; end > work.begin; end -= min(end - work.begin, uint32_t(kWarp))) {
      const bool here = uint32_t(lane) < end - work.begin;
      const uint32_t entry = here ? end - 1 - lane : work.begin, first = end - min(end - work.begin, uint32_t(kWarp));
      const uint32_t footprint = frame.pairs[work.list + entry];
      const Lane splat = load_splat(frame, footprint);
      int count;
      const uint32_t patches = live_patches(work, splat.disc, here, first, patch_last, &count);
      Gathered sum = {};
      const bool met = walk(work, splat, frame.alpha_max, here, entry, patches, count, lane, pixels, sum);
      if (!met) continue;
      if (scratch.records) hand_over(splat.disc, sum, true, scratch.records + kGradQuads * uint64_t(work.list + entry));
      else hand_over(splat.disc, sum, false, scratch.grads + kGradQuads * uint64_t(footprint));
    }
  }
}

}  // namespace

void begin_backward(const Frame& frame, const BackwardScratch& scratch, Stream stream) {
  const unsigned tiles = unsigned(tiles_of(frame));
  zero(scratch.grads, kGradQuads * sizeof(float4) * frame.visible_capacity, stream);
  zero(scratch.item_count, sizeof(uint32_t), stream);
  launch(list_work, blocks_for(tiles, kBlock), kBlock, stream, frame, scratch.items, scratch.item_count);
  if (scratch.records) order_pairs(frame, scratch, stream);
}

void blend_backward(const Frame& frame, const ImageGrads& image, const BackwardScratch& scratch, Stream stream) {
  constexpr uint64_t kBlocksMost = 1 << 15;  // each takes the next piece of work until there is none
  const uint64_t items = uint64_t(tiles_of(frame)) + frame.pair_capacity / kBucket;
  const unsigned blocks = unsigned(items < kBlocksMost ? items : kBlocksMost);
  if (scratch.records) zero(scratch.records, kGradQuads * sizeof(float4) * frame.pair_capacity, stream);
  launch(blend_back, blocks, kWarp, stream, frame, image, scratch);
  if (scratch.records) sum_records(frame, scratch, stream);
}

}  // namespace splatworld
