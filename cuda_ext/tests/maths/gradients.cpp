// project_backward against central differences in double precision, for every input and every lens.
#include "expect.h"
#include "splatworld/gaussian_backward.h"

using namespace splatworld;

namespace {

enum { kMean = 0, kQuat = 3, kScale = 7, kOpacity = 10, kRotation = 11, kTranslation = 20, kInputs = 23 };

struct Scene {
  double in[kInputs];
  double sh[3 * kShTerms];
};

Vec3<double> vec(const double* v) { return {v[0], v[1], v[2]}; }
Mat3<double> mat(const double* m) { return {vec(m), vec(m + 3), vec(m + 6)}; }

View<double> view_of(const Scene& scene) {
  View<double> view{mat(scene.in + kRotation), vec(scene.in + kTranslation), {}, 50, 60, 30, 20, 64, 40};
  view.eye = -1.0 * transposed_times(view.rotation, view.translation);
  return view;
}

Row<double> row_of(const Scene& scene, bool activated) {
  const double *q = scene.in + kQuat, *s = scene.in + kScale, opacity = scene.in[kOpacity];
  const Vec3<double> scale = activated ? vec(s) : Vec3<double>{exp(s[0]), exp(s[1]), exp(s[2])};
  return {vec(scene.in + kMean), turn_of(q[0], q[1], q[2], q[3]), scale, activated ? opacity : sigmoid(opacity)};
}

// A footprint, weighed with `g`: the loss whose gradient for the footprint is `g`.
double loss(const Scene& scene, const Settings& settings, int degree, const FootprintGrad<double>& g) {
  const View<double> view = view_of(scene);
  const Row<double> row = row_of(scene, settings.activated);
  const Vec3<double> at = view.rotation * row.mean + view.translation;
  const Sight<double> seen = sight(settings.lens, view, at);
  const Shape<double> shape =
      shape_on_screen(view, seen, rotation_matrix(row.turn), row.scale, double(settings.dilation));
  const Whitening<double> w = whitening(shape);
  double sum = g.x * seen.x + g.y * seen.y + g.p * w.p + g.q * w.q + g.r * w.r + g.depth * at.z;
  sum += g.power * log2(row.opacity);
  if (settings.antialiased) sum += g.power * log2(compensation(shape, double(settings.compensation_floor)));
  double basis[kShTerms];
  sh_basis(degree, direction(row.mean - view.eye).unit, basis);
  for (int k = 0; k < (degree + 1) * (degree + 1); ++k) sum += basis[k] * dot(g.colour, vec(scene.sh + 3 * k));
  return sum;
}

void store(Vec3<double> v, double* out) { out[0] = v.x, out[1] = v.y, out[2] = v.z; }

void gradient(const Scene& scene, const Settings& settings, int degree, const FootprintGrad<double>& g, double* out) {
  const View<double> view = view_of(scene);
  const Row<double> row = row_of(scene, settings.activated);
  double weight[kShTerms];
  for (int k = 0; k < kShTerms; ++k) weight[k] = dot(g.colour, vec(scene.sh + 3 * k));
  const Vec3<double> turned = sh_basis_backward(degree, direction(row.mean - view.eye).unit, weight);
  PoseGrad<double> pose;
  const RowGrad<double> grad = project_backward(row, view, settings, g, turned, &pose);
  store(grad.mean, out + kMean);
  for (int k = 0; k < 4; ++k) out[kQuat + k] = grad.quat[k];
  store(grad.scale, out + kScale);
  out[kOpacity] = grad.opacity;
  store(pose.rotation.a, out + kRotation);
  store(pose.rotation.b, out + kRotation + 3);
  store(pose.rotation.c, out + kRotation + 6);
  store(pose.translation, out + kTranslation);
}

// Every seventh scene lies far to the side, where the pinhole Jacobian is held; every fifth on the axis.
Scene random_scene(Random& random, int trial, bool activated) {
  Scene scene;
  for (double& value : scene.in) value = random.between(-1, 1);
  for (double& value : scene.sh) value = random.between(-1, 1);
  for (int k = 0; k < 3; ++k) scene.in[kScale + k] = random.between(-3, -1);
  if (activated) {
    for (int k = 0; k < 3; ++k) scene.in[kScale + k] = exp(scene.in[kScale + k]);
    scene.in[kOpacity] = random.between(0.1, 0.9);
  }
  double q[4];
  for (double& value : q) value = random.between(-1, 1);
  const Mat3<double> rotation = rotation_matrix(turn_of(q[0], q[1], q[2], q[3]));
  store(rotation.a, scene.in + kRotation);
  store(rotation.b, scene.in + kRotation + 3);
  store(rotation.c, scene.in + kRotation + 6);
  const Vec3<double> turned = rotation * vec(scene.in + kMean);
  const double aside = trial % 7 == 0 ? 3.0 : trial % 5 == 0 ? 0.01 : 0.5;
  const Vec3<double> at = {random.between(-aside, aside), random.between(-aside, aside), random.between(2, 4)};
  store(at - turned, scene.in + kTranslation);
  return scene;
}

}  // namespace

void test_gradients() {
  constexpr double kStep = 1e-5, kTolerance = 2e-6;
  Random random(1);
  for (int trial = 0; trial < 900; ++trial) {
    Settings settings;
    settings.lens = Lens(trial % 3);
    settings.antialiased = trial % 2;
    settings.activated = trial % 11 == 0;
    settings.compensation_floor = trial % 4 == 3 ? 0.9f : 0.0f;  // some lie above it and some on it
    const int degree = trial % 5;
    const Scene scene = random_scene(random, trial, settings.activated);
    auto any = [&](double size) { return random.between(-size, size); };
    const FootprintGrad<double> g{any(1),   any(1), any(100), any(100), any(100), any(1), {any(1), any(1), any(1)},
                                  any(1)};
    double got[kInputs];
    gradient(scene, settings, degree, g, got);
    for (int i = 0; i < kInputs; ++i) {
      Scene above = scene, below = scene;
      above.in[i] += kStep, below.in[i] -= kStep;
      const double wanted = (loss(above, settings, degree, g) - loss(below, settings, degree, g)) / (2 * kStep);
      EXPECT(fabs(wanted - got[i]) <= kTolerance * (1 + fabs(wanted)),
             "trial %d, lens %d, input %d: %g by differences, %g by project_backward", trial, trial % 3, i, wanted,
             got[i]);
    }
  }
}
