// Numbers that decide what an image looks like, and the macro that lets host and device share the maths.
// The conventions are those of gsplat 1.5.3; splatworld/render/reference.py states the same numbers in Python, and
// splatworld/render/conventions.py names the profiles that change some of them.
#pragma once

#if defined(__CUDACC__)
#define SW_HD __host__ __device__ static inline
#else
// `static`: each translation unit is compiled for its own instruction set and must keep its own copy.
#define SW_HD static inline
#endif

namespace splatworld {

constexpr float kFieldMargin = 0.3f;     // the Jacobian is held constant further out than this part of the field of view
constexpr float kAlphaMin = 1.0f / 255;  // fainter contributions are skipped
constexpr float kLog2AlphaMin = -7.99435344f;
constexpr float kStop = 1e-4f;           // a pixel ends before the splat that would bring its transmittance here
constexpr float kMedian = 0.5f;          // transmittance that marks the surface
constexpr int kTile = 16;                // px

enum class Lens { pinhole = 0, orthographic = 1, fisheye = 2 };

// What a caller may choose.
struct Settings {
  float near_plane = 0.01f;         // metres; nearer centres are not drawn
  float far_plane = 1e10f;          // metres
  float dilation = 0.3f;            // px^2 added to the projected covariance: every splat covers a pixel or so
  float alpha_max = 0.999f;         // nothing is fully opaque, so that gradients survive
  float compensation_floor = 0.0f;  // least factor by which `antialiased` dims
  float radius_clip = 0.0f;         // px; splats whose extents are both at most this are not drawn
  float box_sigmas = 0.0f;          // where not 0: only tiles within so many standard deviations are drawn (Inria)
  Lens lens = Lens::pinhole;
  bool antialiased = false;  // dim splats by what the dilation adds to their area (Mip-Splatting's 2D filter)
  bool activated = false;    // scales and opacities are given as they are, not as logarithms and logits
};

}  // namespace splatworld
