// CUDA on the host, thread for thread: with SW_EMULATED the kernels are compiled by an ordinary C++ compiler, and `launch`
// runs them here. Every thread of a block is a fiber, that is a stack of its own; it runs until it must wait for others
// (__syncthreads, __syncwarp, votes, shuffles) and then hands over. Blocks run one after the other. Which thread and which
// block runs next is drawn from a seed, so a missing barrier shows as a result that changes with the seed, and a barrier
// or a shuffle that not everyone reaches is an error with a sentence instead of a hang. It is for tests: slow, but exact
// about who may see whose value when, and ASan and UBSan watch every access.
//
// Covered are the names that our kernels use, no more: no dynamic shared memory, no cooperative groups, no textures.
#pragma once

#ifndef SW_EMULATED
#error "cuda/simt.h stands in for CUDA where SW_EMULATED is defined; nvcc needs no such help"
#endif

#include <math.h>
#include <stdint.h>
#include <string.h>

#include <tuple>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __shared__ static  // blocks run one after the other
#define __constant__ static
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))

// Vector types, with CUDA's alignment.
#define SW_VECTORS(Name, T, bytes2, bytes4)                                                                          \
  struct __align__(bytes2) Name##2 { T x, y; };                                                                     \
  struct Name##3 { T x, y, z; };                                                                                    \
  struct __align__(bytes4) Name##4 { T x, y, z, w; };                                                               \
  inline Name##2 make_##Name##2(T x, T y) { return {x, y}; }                                                        \
  inline Name##3 make_##Name##3(T x, T y, T z) { return {x, y, z}; }                                                \
  inline Name##4 make_##Name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
SW_VECTORS(float, float, 8, 16)
SW_VECTORS(int, int, 8, 16)
SW_VECTORS(uint, unsigned, 8, 16)
SW_VECTORS(ushort, unsigned short, 4, 8)
SW_VECTORS(uchar, unsigned char, 2, 4)
#undef SW_VECTORS

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

// Of the thread that runs; the scheduler keeps them right.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace splatworld::simt {

// Let all launches from now on take their order from `seed`. The first seed is SPLATWORLD_SIMT_SEED, else 0.
void set_seed(uint64_t seed);

// Run body(kept) once for every thread of the grid. Throws std::runtime_error where the threads can go no further.
void run(dim3 grid, dim3 block, void (*body)(void*), void* kept);

// Where threads wait for each other.
enum class Meeting { block, warp, vote, shuffle };

int meet_block(bool predicate);                                     // how many threads said yes
void meet_warp(uint32_t mask);
uint32_t vote(uint32_t mask, bool predicate);                       // bit per lane that said yes
uint64_t shuffle(uint32_t mask, uint64_t value, int from);          // value of lane `from`
int lane();

template <class T>
T shuffled(uint32_t mask, T value, int from) {
  static_assert(std::is_arithmetic_v<T> && sizeof(T) <= sizeof(uint64_t), "numbers only");
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof value);
  bits = shuffle(mask, bits, from);
  memcpy(&value, &bits, sizeof value);
  return value;
}

template <class To, class From>
To bits(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To out;
  memcpy(&out, &value, sizeof out);
  return out;
}

}  // namespace splatworld::simt

// Barriers, votes and shuffles. A lane of `mask` that has left the kernel is not waited for, as on a GPU.
inline void __syncthreads() { splatworld::simt::meet_block(false); }
inline int __syncthreads_count(int predicate) { return splatworld::simt::meet_block(predicate != 0); }
inline int __syncthreads_or(int predicate) { return __syncthreads_count(predicate) > 0; }
inline int __syncthreads_and(int predicate) { return __syncthreads_count(!predicate) == 0; }
inline void __syncwarp(unsigned mask = 0xffffffffu) { splatworld::simt::meet_warp(mask); }
inline unsigned __ballot_sync(unsigned mask, int predicate) { return splatworld::simt::vote(mask, predicate != 0); }
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, !predicate) == 0; }

template <class T>
T __shfl_sync(unsigned mask, T value, int from, int width = 32) {
  const int first = splatworld::simt::lane() & -width;
  return splatworld::simt::shuffled(mask, value, first + (from & (width - 1)));
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32) {
  const int lane = splatworld::simt::lane(), from = lane - int(by);
  return splatworld::simt::shuffled(mask, value, from < (lane & -width) ? lane : from);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32) {
  const int lane = splatworld::simt::lane(), from = lane + int(by);
  return splatworld::simt::shuffled(mask, value, from >= (lane & -width) + width ? lane : from);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int with, int width = 32) {
  const int lane = splatworld::simt::lane(), from = lane ^ with;
  return splatworld::simt::shuffled(mask, value, from >= (lane & -width) + width ? lane : from);
}

// Atomics: one thread runs at a time.
template <class T>
T atomicAdd(T* at, std::common_type_t<T> value) { return std::exchange(*at, T(*at + value)); }
inline float4 atomicAdd(float4* at, float4 v) {
  return std::exchange(*at, float4{at->x + v.x, at->y + v.y, at->z + v.z, at->w + v.w});
}
template <class T>
T atomicMax(T* at, std::common_type_t<T> value) { return std::exchange(*at, *at < value ? value : *at); }
template <class T>
T atomicMin(T* at, std::common_type_t<T> value) { return std::exchange(*at, value < *at ? value : *at); }
template <class T>
T atomicOr(T* at, std::common_type_t<T> value) { return std::exchange(*at, T(*at | value)); }
template <class T>
T atomicAnd(T* at, std::common_type_t<T> value) { return std::exchange(*at, T(*at & value)); }
template <class T>
T atomicExch(T* at, std::common_type_t<T> value) { return std::exchange(*at, T(value)); }
template <class T>
T atomicCAS(T* at, std::common_type_t<T> expected, std::common_type_t<T> value) {
  return std::exchange(*at, *at == expected ? T(value) : *at);
}
inline void __threadfence() {}
inline void __threadfence_block() {}

// Bits and numbers.
inline int __popc(unsigned a) { return __builtin_popcount(a); }
inline int __popcll(unsigned long long a) { return __builtin_popcountll(a); }
inline int __ffs(int a) { return __builtin_ffs(a); }
inline int __clz(int a) { return a ? __builtin_clz(unsigned(a)) : 32; }
inline unsigned __brev(unsigned a) {
  unsigned out = 0;
  for (int i = 0; i < 32; ++i) out |= (a >> i & 1u) << (31 - i);
  return out;
}
inline unsigned __float_as_uint(float a) { return splatworld::simt::bits<unsigned>(a); }
inline float __uint_as_float(unsigned a) { return splatworld::simt::bits<float>(a); }
inline int __float_as_int(float a) { return splatworld::simt::bits<int>(a); }
inline float __int_as_float(int a) { return splatworld::simt::bits<float>(a); }
inline float rsqrtf(float a) { return 1.0f / sqrtf(a); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float a) { return 1.0f / a; }
inline float __expf(float a) { return expf(a); }
inline float __exp2f(float a) { return exp2f(a); }
inline float __log2f(float a) { return log2f(a); }
inline float __saturatef(float a) { return fminf(fmaxf(a, 0.0f), 1.0f); }
template <class T>
T __ldg(const T* at) { return *at; }
template <class A, class B>
constexpr std::common_type_t<A, B> min(A a, B b) { return b < a ? b : a; }
template <class A, class B>
constexpr std::common_type_t<A, B> max(A a, B b) { return a < b ? b : a; }

// Half precision, rounded to the nearest even.
struct __half {
  _Float16 value;
};
struct __align__(4) __half2 {
  __half x, y;
};
inline __half __float2half_rn(float a) { return {_Float16(a)}; }
inline float __half2float(__half a) { return float(a.value); }
inline __half2 __floats2half2_rn(float a, float b) { return {__float2half_rn(a), __float2half_rn(b)}; }
inline float2 __half22float2(__half2 a) { return {__half2float(a.x), __half2float(a.y)}; }

// The runtime: memory is the host's, and everything is done when it returns.
typedef struct CUstream_st* cudaStream_t;
enum cudaError_t { cudaSuccess = 0 };
enum cudaMemcpyKind {
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
};
inline cudaError_t cudaMemsetAsync(void* at, int byte, size_t bytes, cudaStream_t) {
  if (bytes) memset(at, byte, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t) {
  if (bytes) memcpy(to, from, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline cudaError_t cudaPeekAtLastError() { return cudaSuccess; }
inline const char* cudaGetErrorString(cudaError_t) { return "no error"; }

namespace splatworld {

using Stream = cudaStream_t;

// As in cuda/launch.h; `blocks` and `threads` may have up to three dimensions here.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 blocks, dim3 threads, Stream, Arguments&&... arguments) {
  struct Call {
    void (*kernel)(Parameters...);
    std::tuple<std::decay_t<Parameters>...> arguments;
  } call{kernel, {std::decay_t<Parameters>(arguments)...}};
  const auto body = [](void* kept) {
    Call& call = *static_cast<Call*>(kept);
    std::apply(call.kernel, call.arguments);
  };
  if (blocks.x > 0) simt::run(blocks, threads, body, &call);
}

inline void zero(void* pointer, size_t bytes, Stream) { memset(pointer, 0, bytes); }

}  // namespace splatworld
