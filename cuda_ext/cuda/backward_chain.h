// From gradients for a footprint to gradients for its splat, for one thread: project_backward writes them to tensors,
// the training kernel spends them at once.
#pragma once

#include "cuda/backward.h"

namespace splatworld {

// What the colour of one splat passes on. Its coefficients get basis[k] * colour.
template <int kDegree>
struct ColourGrad {
  static constexpr int kTerms = kDegree < 0 ? 1 : (kDegree + 1) * (kDegree + 1);
  float basis[kTerms];
  Vec3<float> colour;     // before the cut at black
  Vec3<float> direction;  // for the unit direction in which the splat is seen
};

// `sh` holds the splat's coefficients, k 3; `grad` is for the colour after the cut at black. Degree -1: plain colours.
template <int kDegree>
SW_HD ColourGrad<kDegree> colour_backward(const float* sh, Vec3<float> towards, Vec3<float> grad) {
  ColourGrad<kDegree> out;
  out.basis[0] = 1, out.colour = grad, out.direction = {0, 0, 0};
  if (kDegree < 0) return out;
  const Vec3<float> unit = direction(towards).unit;
  sh_basis(kDegree, unit, out.basis);
  Vec3<float> raw = {0.5f, 0.5f, 0.5f};
  for (int k = 0; k < out.kTerms; ++k) raw = raw + out.basis[k] * vec3(sh + 3 * k);
  out.colour = {raw.x >= 0 ? grad.x : 0, raw.y >= 0 ? grad.y : 0, raw.z >= 0 ? grad.z : 0};
  float weights[out.kTerms];
  for (int k = 0; k < out.kTerms; ++k) weights[k] = dot(out.colour, vec3(sh + 3 * k));
  out.direction = sh_basis_backward(kDegree, unit, weights);
  return out;
}

// The three float4 of a footprint (cuda/backward.h) as the shared maths takes them.
SW_HD FootprintGrad<float> footprint_grad(const float4* quads) {
  const float4 a = quads[0], b = quads[1], c = quads[2];
  return {a.x, a.y, a.z, a.w, b.x, b.y, {c.x, c.y, c.z}, c.w};
}

}  // namespace splatworld
