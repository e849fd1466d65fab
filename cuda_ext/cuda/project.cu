// Splats to footprints: activation, projection, colour and the exact number of tiles, in one kernel; the visible ones
// without gaps and in the order of their rows.
#include "cuda/chain.h"
#include "cuda/packed.h"
#include "splatworld/tiles.h"

namespace splatworld {
namespace {

// Leave of a footprint what lies in the band; false: nothing.
__device__ bool cut_to_band(const Frame& frame, Footprint* splat) {
  const int begin = frame.tile_row * kTile, end = begin + frame.band_rows * kTile;
  if (splat->row_begin < begin) splat->row_begin = uint16_t(begin);
  if (splat->row_end > end) splat->row_end = uint16_t(end);
  return splat->row_begin < splat->row_end;
}

__device__ uint32_t tile_count(const Footprint& splat) {
  const Outline ellipse = outline_of(splat);
  const Span rows = tile_rows(splat);
  uint32_t count = 0;
  for (int row = rows.first; row <= rows.last; ++row) {
    const Span columns = tile_columns(splat, ellipse, row);
    count += uint32_t(columns.last - columns.first + 1);
  }
  return count;
}

template <bool kPacked>
__device__ void write(const Frame& frame, const Bins& bins, uint32_t number, const Footprint& splat, uint32_t tiles) {
  float2 end = {__int_as_float(splat.thing), __uint_as_float(splat.splat)};
  if (kPacked) end = packed_rgb(splat.values);
  frame.geometry[2 * number] = {splat.x, splat.y, splat.p, splat.q};
  frame.geometry[2 * number + 1] = {splat.r, splat.power, end.x, end.y};
  if (!kPacked) frame.values[number] = {splat.values[0], splat.values[1], splat.values[2], splat.values[3]};
  bins.boxes[number] = {splat.row_begin, splat.row_end, splat.column_begin, splat.column_end};
  bins.tile_counts[number] = tiles;
  bins.depth_keys[number] = __float_as_uint(splat.values[3] + 0.0f);  // bits order as numbers do, once -0 is 0
  bins.numbers[number] = number;
}

// Gaussians whose rows of coefficients may start at multiples of 16 bytes.
struct OnDevice : Gaussians {
  bool quads;
};

// As sh_colour, with four numbers a load: a warp's rows lie far apart, and each load costs as much as a line.
template <int kDegree>
__device__ Vec3<float> quads_colour(const float* sh, Vec3<float> towards) {
  constexpr int kGroups = (kDegree + 1) * (kDegree + 1) / 4;
  float basis[4 * kGroups];
  sh_basis(kDegree, direction(towards).unit, basis);
  Vec3<float> sum = {0.5f, 0.5f, 0.5f};
#pragma unroll
  for (int k = 0; k < kGroups; ++k) {
    const float4* from = reinterpret_cast<const float4*>(sh) + 3 * k;
    const float4 a = __ldg(from), b = __ldg(from + 1), c = __ldg(from + 2);
    sum = sum + basis[4 * k] * Vec3<float>{a.x, a.y, a.z} + basis[4 * k + 1] * Vec3<float>{a.w, b.x, b.y} +
          basis[4 * k + 2] * Vec3<float>{b.z, b.w, c.x} + basis[4 * k + 3] * Vec3<float>{c.y, c.z, c.w};
  }
  return sum;
}

__device__ inline Vec3<float> colour_of(const OnDevice& splats, int64_t i, Vec3<float> towards) {
  const float* row = splats.sh + 3 * splats.terms * i;
  if (splats.quads && splats.degree == 3) return quads_colour<3>(row, towards);
  if (splats.quads && splats.degree == 1) return quads_colour<1>(row, towards);
  return sh_colour(splats.degree, row, towards);
}

template <class Splats>
__global__ void __launch_bounds__(kBlock)
    project_each(Splats splats, Camera camera, Settings settings, Frame frame, Bins bins) {
  __shared__ View<float> view;
  if (threadIdx.x == 0) view = view_of(camera, frame.width, frame.height);
  const uint32_t block = take_number(bins.visible_chain);
  const int64_t i = int64_t(block) * kBlock + threadIdx.x;

  Footprint splat{};
  Fate fate = Fate::unseen;
  if (i < splats.count) fate = project(splats, i, view, settings, &splat);
  const uint32_t tiles = fate == Fate::drawn && cut_to_band(frame, &splat) ? tile_count(splat) : 0;
  const uint32_t number = uint32_t(sum_before(bins.visible_chain, block, tiles > 0));
  if (tiles > 0 && number < frame.visible_capacity)
    write<std::is_same_v<Splats, Packed>>(frame, bins, number, splat, tiles);

  if (i == splats.count - 1) frame.counters[kVisible] = number + (tiles > 0);
  const uint32_t broken = __ballot_sync(kAll, fate == Fate::broken);
  if (broken && threadIdx.x % kWarp == 0) atomicAdd(frame.counters + kBroken, unsigned(__popc(broken)));
}

template <class Splats>
void start(const Splats& splats, const Camera& camera, const Settings& settings, const Workspace& work, Stream stream) {
  zero(work.zeros.at, work.zeros.bytes, stream);
  succeed(cudaMemsetAsync(work.ones.at, 0xff, work.ones.bytes, stream));
  launch(project_each<Splats>, blocks_for(uint64_t(splats.count), kBlock), kBlock, stream, splats, camera, settings,
         work.frame, work.bins);
}

}  // namespace

void project(const Gaussians& splats, const Camera& camera, const Settings& settings, const Workspace& work,
             Stream stream) {
  const bool quads = reinterpret_cast<uintptr_t>(splats.sh) % sizeof(float4) == 0 && splats.terms % 4 == 0;
  start(OnDevice{splats, quads}, camera, settings, work, stream);
}

void project(const Packed& splats, const Camera& camera, const Settings& settings, const Workspace& work,
             Stream stream) {
  start(splats, camera, settings, work, stream);
}

}  // namespace splatworld
