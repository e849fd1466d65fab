// Does the stand-in for a GPU (cuda/simt.h) keep CUDA's rules? Prints what fails and ends with 1 then.
#include "cuda/simt.h"

#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

using namespace splatworld;

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "failed: %s\n", what);
  ++failures;
}

// Sum of a block by a tree in shared memory; `careful` keeps the barriers.
__global__ void block_sum(const float* in, float* out, bool careful) {
  __shared__ float part[256];
  part[threadIdx.x] = in[blockIdx.x * blockDim.x + threadIdx.x];
  for (int half = 128; half > 0; half /= 2) {
    if (careful) __syncthreads();
    if (int(threadIdx.x) < half) part[threadIdx.x] += part[threadIdx.x + half];
  }
  if (careful) __syncthreads();
  if (threadIdx.x == 0) out[blockIdx.x] = part[0];
}

template <int kWidth>
__global__ void warp_sum(const float* in, float* out) {
  float sum = in[threadIdx.y * 32 + threadIdx.x];
  for (int by = kWidth / 2; by > 0; by /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, by);
  out[threadIdx.y * 32 + threadIdx.x] = sum;
}

__global__ void votes(uint32_t* out) {
  const int lane = threadIdx.x;
  if (lane >= 24) return;  // lanes that have left are not waited for
  const unsigned odd = __ballot_sync(0xffffffffu, lane & 1);
  const unsigned half = lane < 8 ? 0x000000ffu : 0x00ffff00u;
  const unsigned mine = __ballot_sync(half, lane % 3 == 0);
  out[lane] = odd ^ mine;
  out[32 + lane] = __shfl_up_sync(half, lane, 1u, 8);
  out[64 + lane] = __all_sync(half, lane < 8) * 2 + __any_sync(half, lane == 23);
  out[96 + lane] = __shfl_sync(0x00ffffffu, lane * 10, 5);
  out[128 + lane] = __shfl_down_sync(half, lane, 3u, 8);
}

__global__ void counts(int* out) {
  const int yes = __syncthreads_count(threadIdx.x % 3 == 0);
  atomicAdd(&out[0], 1);
  atomicMax(&out[1], int(threadIdx.x));
  if (threadIdx.x == 0 && blockIdx.x == 0) out[2] = yes;
}

__global__ void forgotten() {
  if (threadIdx.x == 3) return;
  __syncthreads();
}

__global__ void crossed() {
  if (threadIdx.x < 16) __syncthreads();
  else __syncwarp();
}

__global__ void absent(int* out) { out[threadIdx.x] = __shfl_sync(0x0000ffffu << (threadIdx.x / 16 * 16), 1, 20); }

template <class Run>
std::string complaint(Run run) {
  try {
    run();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

void sums() {
  std::vector<float> in(4 * 256), out(4), first;
  for (size_t i = 0; i < in.size(); ++i) in[i] = float(i % 97);
  bool careless_differs = false;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    simt::set_seed(seed);
    launch(block_sum, 4, 256, nullptr, in.data(), out.data(), true);
    for (int b = 0; b < 4; ++b) {
      float sum = 0;
      for (int i = 0; i < 256; ++i) sum += in[b * 256 + i];
      expect(out[b] == sum, "the sum of a block with barriers");
    }
    const std::vector<float> right = out;
    launch(block_sum, 4, 256, nullptr, in.data(), out.data(), false);
    careless_differs |= out != right;
  }
  expect(careless_differs, "a missing barrier shows");
}

void shuffles() {
  std::vector<float> in(96), out(96);
  for (int i = 0; i < 96; ++i) in[i] = float(i);
  launch(warp_sum<32>, 1, dim3(32, 3), nullptr, in.data(), out.data());
  for (int i = 0; i < 96; ++i) expect(out[i] == float(i / 32 * 1024 + 496), "the sum of a warp");

  std::vector<uint32_t> seen(160, 0);
  launch(votes, 1, 32, nullptr, seen.data());
  for (int lane = 0; lane < 24; ++lane) {
    const uint32_t thirds = 0x00249249u & (lane < 8 ? 0xffu : 0x00ffff00u);
    expect(seen[lane] == ((0x00aaaaaau) ^ thirds), "votes of all and of a part");
    expect(seen[32 + lane] == uint32_t(lane % 8 ? lane - 1 : lane), "a shuffle upwards stays in its part");
    expect(seen[64 + lane] == uint32_t(lane < 8 ? 2 : 1), "all and any");
    expect(seen[96 + lane] == 50, "a shuffle from one lane");
    expect(seen[128 + lane] == uint32_t(lane % 8 < 5 ? lane + 3 : lane), "a shuffle downwards stays in its part");
  }
}

void complaints() {
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  expect(has(complaint([] { launch(forgotten, 2, 64, nullptr); }), "63 wait in vain"), "a barrier not all reach");
  expect(has(complaint([] { launch(crossed, 1, 32, nullptr); }), "stands still"), "two different barriers");
  int out[32];
  expect(has(complaint([&] { launch(absent, 1, 32, nullptr, out); }), "takes no part"), "a shuffle from an absent lane");
  expect(has(complaint([] { launch(crossed, 1, 2048, nullptr); }), "cannot be launched"), "too many threads");
}

}  // namespace

int main() {
  sums();
  shuffles();
  int count[3] = {0, 0, 0};
  launch(counts, dim3(3, 2), 100, nullptr, count);
  expect(count[0] == 600 && count[1] == 99 && count[2] == 34, "counts and atomics");
  complaints();
  sums();  // after errors everything works as before
  expect(__half2float(__float2half_rn(1.0f / 3)) == 0.333251953125f, "half precision");
  return failures > 0;
}
