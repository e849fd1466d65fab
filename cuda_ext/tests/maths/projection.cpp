// project() and project_backward() on numbers that break things.
#include <cfloat>

#include "expect.h"
#include "splatworld/gaussian_backward.h"

using namespace splatworld;

namespace {

const float kPoison[] = {0.0f,     -0.0f,    1.0f,  -1.0f,  1e-45f, 1e-38f, 1e-20f,   -1e-20f,  1e-6f, 0.5f,  40.0f, -40.0f,
                         88.0f,    -104.0f,  1e4f,  -1e4f,  1e10f,  1e20f,  -1e20f,   FLT_MAX,  -FLT_MAX,
                         INFINITY, -INFINITY, NAN};
constexpr int kPoisons = int(sizeof(kPoison) / sizeof(*kPoison));

struct Splat {
  float mean[3], quat[4], size[3], opacity, sh[3 * kShTerms];
  int32_t thing = 7;

  Gaussians row(int degree) const {
    return {1, mean, quat, size, &opacity, sh, nullptr, &thing, degree, degree < 0 ? 1 : (degree + 1) * (degree + 1), 0};
  }
};

// A decent splat of which some numbers are poison.
Splat poisoned(Random& random, double share) {
  Splat splat;
  auto fill = [&](float* out, int n, double low, double high) {
    for (int k = 0; k < n; ++k)
      out[k] = random.between(0, 1) < share ? kPoison[random.below(kPoisons)] : float(random.between(low, high));
  };
  fill(splat.mean, 3, -1, 1);
  fill(splat.quat, 4, -1, 1);
  fill(splat.size, 3, -4, 0);
  fill(&splat.opacity, 1, -2, 6);
  fill(splat.sh, 3 * kShTerms, -0.5, 0.5);
  return splat;
}

bool all_below(float limit, const float* values, int n) {
  for (int k = 0; k < n; ++k)
    if (!(fabsf(values[k]) <= limit)) return false;
  return true;
}

bool all_finite(const float* values, int n) { return all_below(FLT_MAX, values, n); }

// Infinite logits are opacities 0 and 1, and not broken.
bool parameters_are_finite(const Splat& splat, int terms, bool activated) {
  return all_finite(splat.mean, 3) && all_finite(splat.quat, 4) && all_finite(splat.size, 3) &&
         !std::isnan(splat.opacity) && (!activated || std::isfinite(splat.opacity)) && all_finite(splat.sh, 3 * terms);
}

void check_footprint(const Footprint& f, const View<float>& view, int trial) {
  const float numbers[] = {f.x, f.y, f.p, f.q, f.r, f.power, f.values[0], f.values[1], f.values[2], f.values[3]};
  EXPECT(all_finite(numbers, 10), "trial %d: %g %g %g %g %g %g", trial, f.x, f.y, f.p, f.q, f.r, f.power);
  EXPECT(f.row_begin < f.row_end && f.row_end <= int(view.height), "trial %d: rows %d %d", trial, f.row_begin, f.row_end);
  EXPECT(f.column_begin < f.column_end && f.column_end <= int(view.width), "trial %d: columns %d %d", trial,
         f.column_begin, f.column_end);
  EXPECT(f.splat == 0 && f.thing == 7, "trial %d: row %u, thing %d", trial, f.splat, f.thing);
}

// What the pixels inside the box contribute to a gradient is finite, and so is what follows from it.
void check_gradients(const Splat& splat, int degree, const View<float>& view, const Settings& settings, int trial) {
  const Row<float> row = row_of(splat.row(degree), 0, settings.activated);
  const FootprintGrad<float> g = {1, 1, 1, 1, 1, 1, {1, 1, 1}, 1};
  float weight[kShTerms];
  for (int k = 0; k < kShTerms; ++k) weight[k] = splat.sh[3 * k] + splat.sh[3 * k + 1] + splat.sh[3 * k + 2];
  const Vec3<float> turned =
      degree < 1 ? Vec3<float>{0, 0, 0} : sh_basis_backward(degree, direction(row.mean - view.eye).unit, weight);
  PoseGrad<float> pose;
  const RowGrad<float> out = project_backward(row, view, settings, g, turned, &pose);
  const float numbers[] = {out.mean.x, out.mean.y,  out.mean.z,  out.quat[0], out.quat[1], out.quat[2],
                           out.quat[3], out.scale.x, out.scale.y, out.scale.z, out.opacity};
  for (int k = 0; k < 11; ++k)
    EXPECT(!std::isnan(numbers[k]), "trial %d: gradient %d of mean %g %g %g, quat %g %g %g %g, size %g %g %g", trial, k,
           splat.mean[0], splat.mean[1], splat.mean[2], splat.quat[0], splat.quat[1], splat.quat[2], splat.quat[3],
           splat.size[0], splat.size[1], splat.size[2]);
}

void poison_is_survived(Random& random) {
  int fates[3] = {};
  for (int trial = 0; trial < 200000; ++trial) {
    Settings settings;
    settings.lens = Lens(trial % 3);
    settings.antialiased = trial % 2;
    settings.activated = trial % 7 == 0;
    settings.near_plane = trial % 13 == 0 ? 1e-30f : 0.01f;
    settings.box_sigmas = trial % 5 == 0 ? 3.0f : 0.0f;
    settings.radius_clip = trial % 11 == 0 ? 3.0f : 0.0f;
    const int degree = trial % 6 - 1, terms = degree < 0 ? 1 : (degree + 1) * (degree + 1);
    const bool huge = trial % 17 == 0;
    const View<float> view = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, {0, 0, 2}, {0, 0, -2}, 500, 500,
                              320, 240, huge ? 16384.0f : 640.0f, huge ? 16384.0f : 480.0f};
    const Splat splat = poisoned(random, trial % 4 == 0 ? 0.0 : 0.04);
    Footprint footprint;
    const Fate fate = project(splat.row(degree), 0, view, settings, &footprint);
    ++fates[int(fate)];
    if (fate == Fate::broken)  // or the colour overflows
      EXPECT(!parameters_are_finite(splat, terms, settings.activated) || !all_below(1e30f, splat.sh, 3 * terms),
             "trial %d is finite", trial);
    if (fate != Fate::drawn) continue;
    EXPECT(parameters_are_finite(splat, terms, settings.activated), "trial %d is not finite", trial);
    check_footprint(footprint, view, trial);
    check_gradients(splat, degree, view, settings, trial);
  }
  for (int fate = 0; fate < 3; ++fate) EXPECT(fates[fate] > 2000, "fate %d befell only %d", fate, fates[fate]);
}

}  // namespace

void test_projection() {
  Random random(3);
  poison_is_survived(random);
}
