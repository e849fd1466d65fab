// Numbers that decide what an image looks like, and the macro that lets host and device share the maths.
// The conventions are those of gsplat 1.5.3; splatworld/render/reference.py states the same numbers in Python.
#pragma once

#if defined(__CUDACC__)
#define SW_HD __host__ __device__ static inline
#else
// `static`: each translation unit is compiled for its own instruction set and must keep its own copy.
#define SW_HD static inline
#endif

namespace splatworld {

constexpr float kNear = 0.01f;           // metres; nearer centres are not drawn
constexpr float kFar = 1e10f;            // metres
constexpr float kDilation = 0.3f;        // px^2 added to the projected covariance: every splat covers a pixel or so
constexpr float kFieldMargin = 0.3f;     // the Jacobian is held constant further out than this part of the field of view
constexpr float kAlphaMax = 0.999f;      // nothing is fully opaque, so that gradients survive
constexpr float kAlphaMin = 1.0f / 255;  // fainter contributions are skipped
constexpr float kLog2AlphaMin = -7.99435344f;
constexpr float kStop = 1e-4f;           // a pixel ends before the splat that would bring its transmittance here
constexpr float kMedian = 0.5f;          // transmittance that marks the surface
constexpr int kTile = 16;                // px

}  // namespace splatworld
