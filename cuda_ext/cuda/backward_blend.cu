// One warp takes kBucket entries of a tile's list. Its lanes form four queues of eight. A queue works on one patch of
// 8x4 pixels after the other, and there on the entries that touch it, from the back, eight at a time: each lane holds
// one splat, the farthest in the first lane, and the patch's pixels walk through the lanes, one lane a step. So a
// splat's gradient is summed in registers over all pixels of the patch and leaves them once, and every pixel meets the
// splats back to front. With T the transmittance before a splat, a its alpha, v its value, g the pixel's gradient, and
// behind = sum over splats behind it of w (g . v), less g_alpha T_end,
//   d loss / d v = a T g,   d loss / d a = T (g . v) - behind / (1 - a),
// and T is that after the splat over (1 - a). This way `behind` grows from nothing in a pixel that ends in the bucket:
// no small difference of large sums, however deep the splat. Other pixels start from the checkpoint at the bucket's
// end.
#include "cuda/backward.h"
#include "cuda/blend.h"
#include "cuda/chain.h"

namespace splatworld {
namespace {

constexpr int kQueue = 8, kQueues = kWarp / kQueue;
constexpr float kLn2 = 0.693147181f;

struct PixelState {
  float transmittance;  // behind the splats that the pixel has still to meet
  float behind;
};

// What a warp keeps of its tile in shared memory, by patches. The odd sizes keep queues in different banks.
struct TilePixels {
  float4 grads[kPatches][kPatchPixels];
  PixelState states[kPatches][kPatchPixels + 1];
  uint16_t last[kPatches][kPatchPixels + 8];  // one past the last entry that the pixel took, from Work::begin
  uint8_t touching[kPatches][kBucket];        // entries, from Work::begin, the farthest first
  int touching_count[kPatches];
};

struct Work {
  int tile_x, tile_y;   // of the whole picture
  uint32_t list;        // where the tile's list begins in pairs
  uint32_t begin, end;  // entries of the list to go through
};

// Patches that something touches, as digits of 4 bits.
struct Jobs {
  uint32_t patches;
  int count;
};

// What a lane holds while pixels walk by.
struct Held {
  Disc disc;
  float4 value;
  int entry;  // from Work::begin; none where not below kBucket
};

// What a splat gathers over pixels, e standing for d loss / d log2 alpha / ln 2, (u, v) for the whitened offset.
struct Gathered {
  float4 value;
  float e, eu, ev, eu_dx, eu_dy, ev_dy, abs_x, abs_y;
};

__device__ inline float dot4(float4 a, float4 b) { return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w; }

__device__ inline bool any(float4 a) { return a.x != 0 || a.y != 0 || a.z != 0 || a.w != 0; }

__device__ inline Place corner_of(const Work& work, int patch) {
  const Place place = place_of(patch * kPatchPixels);
  return {work.tile_x * kTile + place.x, work.tile_y * kTile + place.y};
}

__device__ inline float4 pixel_grad(const ImageGrads& image, int64_t at) {
  float4 out = {0, 0, 0, 0};
  if (image.values) {
    const float* values = image.values + at * image.stride;
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

// Fills all but `touching`. Writes one past the last entry that each patch took, from work.begin, to `lasts`.
__device__ inline void load_pixels(const Frame& frame, const ImageGrads& image, const Work& work, int lane,
                                   TilePixels& pixels, int* lasts) {
#pragma unroll
  for (int patch = 0; patch < kPatches; ++patch) {
    const Place corner = corner_of(work, patch);
    const int x = corner.x + lane % kPatchColumns, y = corner.y + lane / kPatchColumns;
    const int64_t at = int64_t(y) * frame.width + x;
    const uint32_t last = x < frame.width && y < frame.height ? frame.last[at] : 0;
    if (last > work.begin) {
      const float4 grad = pixel_grad(image, at);
      const int in_tile = y % kTile * kTile + x % kTile;
      pixels.grads[patch][lane] = grad;
      pixels.states[patch][lane] =
          state_behind(frame, work, at, in_tile, last, grad, image.alpha ? image.alpha[at] : 0.0f);
    }
    int taken = max(int(min(last, work.end)) - int(work.begin), 0);
    pixels.last[patch][lane] = uint16_t(taken);
    for (int by = 1; by < kWarp; by *= 2) taken = max(taken, __shfl_xor_sync(kAll, taken, by));
    lasts[patch] = taken;
  }
}

__device__ inline Disc load_disc(const Frame& frame, uint32_t footprint) {
  const float4 a = frame.geometry[2 * uint64_t(footprint)], b = frame.geometry[2 * uint64_t(footprint) + 1];
  return {a.x, a.y, a.z, a.w, b.x, b.y};
}

// Fills `touching`.
__device__ inline Jobs list_touching(const Frame& frame, const Work& work, const int* lasts, int lane,
                                     TilePixels& pixels) {
  int counts[kPatches] = {};
  for (int end = int(work.end - work.begin); end > 0; end -= kWarp) {
    const int entry = end - 1 - lane;
    const Disc disc = load_disc(frame, frame.pairs[work.list + work.begin + uint32_t(max(entry, 0))]);
#pragma unroll
    for (int patch = 0; patch < kPatches; ++patch) {
      const Place corner = corner_of(work, patch);
      const bool hit = entry >= 0 && entry < lasts[patch] &&
                       touches_patch(disc, float(corner.x) + 0.5f, float(corner.y) + 0.5f);
      const uint32_t hits = __ballot_sync(kAll, hit);
      if (hit) pixels.touching[patch][counts[patch] + __popc(hits & ((1u << lane) - 1))] = uint8_t(entry);
      counts[patch] += __popc(hits);
    }
  }
  Jobs jobs = {0, 0};
#pragma unroll
  for (int patch = 0; patch < kPatches; ++patch) {
    if (lane == 0) pixels.touching_count[patch] = counts[patch];
    if (counts[patch] > 0) jobs.patches |= uint32_t(patch) << (4 * jobs.count++);
  }
  __syncwarp();
  return jobs;
}

// One pixel meets one splat. `exponent` is log2 alpha, not below kLog2AlphaMin.
__device__ inline void meet(const Held& splat, float exponent, float alpha_max, float dx, float dy, float4 grad,
                            PixelState& state, Gathered& sum) {
  const float raw = exp2f(exponent), alpha = fminf(raw, alpha_max);
  const float through = __fdividef(1.0f, 1.0f - alpha);
  const float before = state.transmittance * through, weight = alpha * before, gain = dot4(grad, splat.value);
  const float alpha_grad = before * gain - state.behind * through;
  state = {before, state.behind + weight * gain};
  sum.value = {sum.value.x + weight * grad.x, sum.value.y + weight * grad.y, sum.value.z + weight * grad.z,
               sum.value.w + weight * grad.w};
  // Where alpha is held, the shape does not matter.
  const float e = raw > alpha_max ? 0.0f : alpha_grad * alpha;
  const float eu = e * (splat.disc.p * dx + splat.disc.q * dy), ev = e * (splat.disc.r * dy);
  sum.e += e, sum.eu += eu, sum.ev += ev;
  sum.eu_dx += eu * dx, sum.eu_dy += eu * dy, sum.ev_dy += ev * dy;
  sum.abs_x += fabsf(eu), sum.abs_y += fabsf(splat.disc.q * eu + splat.disc.r * ev);
}

// from + n, exactly, for whole n below 2^22 and halves `from` below 2^22: cheaper than a conversion.
__device__ inline float plus(float from, uint32_t n) { return __uint_as_float(0x4b000000u | n) - (8388608.0f - from); }

// Where a queue is.
struct Queue {
  int patch;
  int first, count;  // of `touching`: what comes next, and how much there is
};

// Lets the pixels of each queue's patch walk past the splats that its lanes hold.
__device__ inline Gathered walk(const Work& work, const Queue& queue, const Held& splat, float alpha_max, int lane,
                                TilePixels& pixels) {
  const int place = lane % kQueue, patch = queue.patch;
  const Place corner = corner_of(work, patch);
  const float corner_x = float(corner.x) + 0.5f, corner_y = float(corner.y) + 0.5f;
  const uint32_t slots = queue.first < queue.count ? kPatchPixels : 0;
  PixelState state = {0, 0};
  Gathered sum = {};
  for (int step = 0; step < kPatchPixels + kQueue - 1; ++step) {
    state = {__shfl_up_sync(kAll, state.transmittance, 1, kQueue), __shfl_up_sync(kAll, state.behind, 1, kQueue)};
    const uint32_t slot = uint32_t(step - place);
    if (slot >= slots) continue;
    if (place == 0) state = pixels.states[patch][slot];
    if (splat.entry < pixels.last[patch][slot]) {
      const float x = plus(corner_x, slot % kPatchColumns), y = plus(corner_y, slot / kPatchColumns);
      const float exponent = log2_alpha(splat.disc, x, y);
      if (exponent >= kLog2AlphaMin)
        meet(splat, exponent, alpha_max, x - splat.disc.x, y - splat.disc.y, pixels.grads[patch][slot], state, sum);
    }
    if (place == kQueue - 1) pixels.states[patch][slot] = state;
  }
  __syncwarp();
  return sum;
}

// Gives queues that are done the next patches, of which `*next` is the first. False: nothing is left.
__device__ inline bool go_on(const Jobs& jobs, const TilePixels& pixels, int lane, int* next, Queue* queue) {
  const bool done = queue->first >= queue->count;
  const uint32_t waiting = __ballot_sync(kAll, done && lane % kQueue == 0);
  const int job = *next + __popc(waiting & ((1u << (lane & -kQueue)) - 1));
  if (done) {
    queue->patch = int(jobs.patches >> (4 * min(job, kPatches - 1)) & 7);
    queue->first = 0, queue->count = job < jobs.count ? pixels.touching_count[queue->patch] : 0;
  }
  *next = min(*next + __popc(waiting), jobs.count);
  return __any_sync(kAll, queue->first < queue->count);
}

#if defined(SW_EMULATED) || __CUDA_ARCH__ >= 900
__device__ inline void add(float4* to, float4 what) { atomicAdd(to, what); }
#else
__device__ inline void add(float4* to, float4 what) {
  atomicAdd(&to->x, what.x), atomicAdd(&to->y, what.y), atomicAdd(&to->z, what.z), atomicAdd(&to->w, what.w);
}
#endif

__device__ inline void add_alone(float4* to, float4 what) {
  *to = {to->x + what.x, to->y + what.y, to->z + what.z, to->w + what.w};
}

// log2 alpha = power - u^2 - v^2
__device__ inline void hand_over(const Disc& d, const Gathered& sum, bool met, int lane, float4* to, bool in_turn) {
  const float two = 2 * kLn2;
  const float4 a = {two * d.p * sum.eu, two * (d.q * sum.eu + d.r * sum.ev), -two * sum.eu_dx, -two * sum.eu_dy};
  const float4 b = {-two * sum.ev_dy, kLn2 * sum.e, two * d.p * sum.abs_x, two * sum.abs_y};
  if (!in_turn) {
    if (met) add(to, a), add(to + 1, b), add(to + 2, sum.value);
    return;
  }
  for (int queue = 0; queue < kQueues; ++queue) {  // they may hold the same splat
    if (met && lane / kQueue == queue) add_alone(to, a), add_alone(to + 1, b), add_alone(to + 2, sum.value);
    __syncwarp();
  }
}

__device__ inline Work work_of(const Frame& frame, uint2 item) {
  const uint32_t begin = item.y * kBucket;
  return {int(item.x) % frame.tiles_x, frame.tile_row + int(item.x) / frame.tiles_x, frame.ranges[item.x].x, begin,
          min(begin + kBucket, frame.tile_last[item.x])};
}

__global__ void __launch_bounds__(kBlock) list_work(Frame frame, uint2* items, uint32_t* item_count) {
  const int tile = int(blockIdx.x * kBlock + threadIdx.x);
  if (tile >= tiles_of(frame)) return;
  const uint32_t buckets = (frame.tile_last[tile] + kBucket - 1) / kBucket;
  if (buckets == 0) return;
  const uint32_t at = atomicAdd(item_count, buckets);
  for (uint32_t bucket = 0; bucket < buckets; ++bucket) items[at + bucket] = {uint32_t(tile), bucket};
}

__global__ void __launch_bounds__(kWarp) blend_back(Frame frame, ImageGrads image, BackwardScratch scratch) {
  __shared__ TilePixels pixels;
  const int lane = int(threadIdx.x);
  for (uint32_t item = blockIdx.x; item < *scratch.item_count; item += gridDim.x) {
    const Work work = work_of(frame, scratch.items[item]);
    int lasts[kPatches];
    load_pixels(frame, image, work, lane, pixels, lasts);
    const Jobs jobs = list_touching(frame, work, lasts, lane, pixels);
    int next = 0;
    for (Queue queue = {0, 0, 0}; go_on(jobs, pixels, lane, &next, &queue); queue.first += kQueue) {
      const int number = queue.first + lane % kQueue;
      const int entry = number < queue.count ? pixels.touching[queue.patch][number] : kBucket;
      const uint32_t pair = work.list + work.begin + uint32_t(entry < kBucket ? entry : 0);
      const uint32_t footprint = frame.pairs[pair];
      const Held splat = {load_disc(frame, footprint), frame.values[footprint], entry};
      const Gathered sum = walk(work, queue, splat, frame.alpha_max, lane, pixels);
      const bool met = any(sum.value) || any({sum.e, sum.abs_x, sum.abs_y, 0});
      float4* to = scratch.records ? scratch.records + kGradQuads * uint64_t(pair)
                                   : scratch.grads + kGradQuads * uint64_t(footprint);
      hand_over(splat.disc, sum, met, lane, to, scratch.records != nullptr);
    }
    __syncwarp();
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
