// What a footprint means, against the textbook: Jacobians, covariances, boxes.
#include "expect.h"
#include "splatworld/gaussian.h"

using namespace splatworld;

namespace {

View<double> view_of(Random& random) {
  auto any = [&] { return random.between(-1, 1); };
  View<double> view{rotation_matrix(turn_of(any(), any(), any(), any())), {any(), any(), any()}, {},
                    random.between(20, 90), random.between(20, 90), 34, 19, 64, 40};
  view.eye = -1.0 * transposed_times(view.rotation, view.translation);
  return view;
}

// The rows that `sight` returns are the derivatives of the pixel that it returns.
void jacobian_is_the_slope_of_the_pixel(Random& random) {
  constexpr double kStep = 1e-6;
  for (int trial = 0; trial < 300; ++trial) {
    const Lens lens = Lens(trial % 3);
    const View<double> view = view_of(random);
    const double z = random.between(0.5, 9), small = trial % 4 == 0 ? 1e-5 : 1;
    const Vec3<double> at = {small * z * random.between(-0.3, 0.3), small * z * random.between(-0.2, 0.2), z};
    const Sight<double> seen = sight(lens, view, at);
    const double right[3] = {seen.right.x, seen.right.y, seen.right.z};
    const double down[3] = {seen.down.x, seen.down.y, seen.down.z};
    const Vec3<double> axes[3] = {{kStep, 0, 0}, {0, kStep, 0}, {0, 0, kStep}};
    for (int k = 0; k < 3; ++k) {
      const Sight<double> above = sight(lens, view, at + axes[k]), below = sight(lens, view, at - axes[k]);
      const double dx = (above.x - below.x) / (2 * kStep), dy = (above.y - below.y) / (2 * kStep);
      EXPECT(fabs(dx - right[k]) < 1e-5 * (1 + fabs(dx)), "lens %d axis %d: %g, not %g", int(lens), k, right[k], dx);
      EXPECT(fabs(dy - down[k]) < 1e-5 * (1 + fabs(dy)), "lens %d axis %d: %g, not %g", int(lens), k, down[k], dy);
    }
  }
}

struct Covariance {
  double a, b, c;
};

// J W R S S^T R^T W^T J^T + dilation, multiplied out as it is written in the papers.
Covariance textbook(const View<double>& view, const Sight<double>& seen, const Mat3<double>& axes, Vec3<double> scale,
                    double dilation) {
  const double R[3][3] = {{axes.a.x, axes.a.y, axes.a.z}, {axes.b.x, axes.b.y, axes.b.z}, {axes.c.x, axes.c.y, axes.c.z}};
  const double s[3] = {scale.x, scale.y, scale.z};
  double world[3][3] = {};
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 3; ++k) world[i][j] += R[i][k] * s[k] * s[k] * R[j][k];
  const Mat3<double> sigma = {{world[0][0], world[0][1], world[0][2]},
                              {world[1][0], world[1][1], world[1][2]},
                              {world[2][0], world[2][1], world[2][2]}};
  const Vec3<double> u = transposed_times(view.rotation, seen.right), v = transposed_times(view.rotation, seen.down);
  return {dot(u, sigma * u) + dilation, dot(u, sigma * v), dot(v, sigma * v) + dilation};
}

void whitening_is_the_inverse_covariance(Random& random) {
  for (int trial = 0; trial < 500; ++trial) {
    const View<double> view = view_of(random);
    auto any = [&] { return random.between(-1, 1); };
    const Mat3<double> axes = rotation_matrix(turn_of(any(), any(), any(), any()));
    const Vec3<double> scale = {exp(4 * any() - 2), exp(4 * any() - 2), exp(4 * any() - 2)};
    const Vec3<double> at = {any(), any(), 2 + any()};
    const Sight<double> seen = sight(Lens(trial % 3), view, at);
    const Shape<double> shape = shape_on_screen(view, seen, axes, scale, 0.3);
    const Covariance sigma = textbook(view, seen, axes, scale, 0.3);
    const Whitening<double> w = whitening(shape);
    const double det = sigma.a * sigma.c - sigma.b * sigma.b;
    EXPECT(fabs(shape.det - det) < 1e-7 * sigma.a * sigma.c, "determinant %g, not %g", shape.det, det);
    for (int k = 0; k < 4; ++k) {
      const double dx = 20 * any(), dy = 20 * any();
      const double wanted = 0.5 * log2(exp(1.0)) * (sigma.c * dx * dx - 2 * sigma.b * dx * dy + sigma.a * dy * dy) / det;
      const double across = w.p * dx + w.q * dy, along = w.r * dy, got = across * across + along * along;
      EXPECT(fabs(got - wanted) < 1e-5 * (1 + wanted), "exponent %g, not %g", got, wanted);
    }
  }
}

// One splat before a camera without rotation; `Store` owns what Gaussians points to.
struct Store {
  float mean[3], quat[4], size[3], opacity, sh[3] = {0.5f, 0.5f, 0.5f};
  Gaussians row() const { return {1, mean, quat, size, &opacity, sh, nullptr, nullptr, -1, 1, 0}; }
};

Store random_splat(Random& random) {
  Store one;
  one.mean[2] = float(random.between(0.5, 5));
  for (int k = 0; k < 2; ++k) one.mean[k] = one.mean[2] * float(random.between(-0.9, 0.9));
  for (float& q : one.quat) q = float(random.between(-1, 1));
  for (float& s : one.size) s = float(random.between(-6, 0.5));
  one.opacity = float(random.between(-6, 6));
  return one;
}

View<float> plain_view() {
  return {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, {0, 0, 0}, {0, 0, 0}, 60, 55, 47, 30, 93, 61};
}

void boxes_hold_every_pixel_that_shows(Random& random) {
  const View<float> view = plain_view();
  int drawn = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    Settings settings;
    settings.lens = Lens(trial % 3);
    settings.antialiased = trial % 2;
    const Store one = random_splat(random);
    Footprint f;
    if (project(one.row(), 0, view, settings, &f) != Fate::drawn) continue;
    ++drawn;
    for (int y = 0; y < int(view.height); ++y)
      for (int x = 0; x < int(view.width); ++x) {
        if (x >= f.column_begin && x < f.column_end && y >= f.row_begin && y < f.row_end) continue;
        const double dx = x + 0.5 - f.x, dy = y + 0.5 - f.y, across = f.p * dx + f.q * dy, along = f.r * dy;
        const double exponent = f.power - across * across - along * along;
        EXPECT(exponent < kLog2AlphaMin, "trial %d: alpha %g at %d, %d lies outside the box", trial, exp2(exponent), x, y);
      }
    // Nor is a box larger than it must be: its borders are a pixel or less outside where alpha falls below the least.
    const double reach = sqrt(fmax(0.0, f.power - double(kLog2AlphaMin)));
    const double half_width = reach * sqrt(double(f.r) * f.r + double(f.q) * f.q) / (double(f.p) * f.r);
    EXPECT(f.column_end - f.column_begin <= 2 * half_width * (1 + 1e-4) + 1.1, "trial %d: %d columns for %g px", trial,
           f.column_end - f.column_begin, 2 * half_width);
    EXPECT(f.row_end - f.row_begin <= 2 * reach / f.r * (1 + 1e-4) + 1.1, "trial %d: %d rows for %g px", trial,
           f.row_end - f.row_begin, 2 * reach / f.r);
  }
  EXPECT(drawn > 1000, "only %d of the splats were drawn", drawn);
}

// Inria draws whole tiles: those that a square of ceil(3 sigma) around the centre touches.
void inria_draws_the_tiles_of_a_square(Random& random) {
  const View<float> view = plain_view();
  int cut = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    const Store one = random_splat(random);
    Settings settings;
    Footprint tight, boxed;
    const bool drawn = project(one.row(), 0, view, settings, &tight) == Fate::drawn;
    settings.box_sigmas = 3;
    const bool in_box = project(one.row(), 0, view, settings, &boxed) == Fate::drawn;
    if (!drawn) {
      EXPECT(!in_box, "trial %d is drawn in a box only", trial);
      continue;
    }
    const double dxx = 1 / (double(tight.p) * tight.p), q_over_p = double(tight.q) / tight.p;
    const double scale = double(kWhiten) * kWhiten, c = scale / (double(tight.r) * tight.r);
    const double b = -q_over_p * c, a = scale * dxx + b * b / c;  // the covariance, from the whitening
    const double middle = 0.5 * (a + c), spread = middle * middle - (a * c - b * b);
    const double radius = ceil(3 * sqrt(middle + sqrt(fmax(0.1, spread))) - 1e-4);
    const int columns[2] = {16 * int(floor((tight.x - radius) / 16)), 16 * int(floor((tight.x + radius + 15) / 16))};
    const int rows[2] = {16 * int(floor((tight.y - radius) / 16)), 16 * int(floor((tight.y + radius + 15) / 16))};
    auto within = [](int value, const int* range) { return value < range[0] ? range[0] : value > range[1] ? range[1] : value; };
    const int x0 = within(tight.column_begin, columns), x1 = within(tight.column_end, columns);
    const int y0 = within(tight.row_begin, rows), y1 = within(tight.row_end, rows);
    EXPECT(in_box == (x0 < x1 && y0 < y1), "trial %d: drawn is %d", trial, in_box);
    if (!in_box) continue;
    EXPECT(boxed.column_begin == x0 && boxed.column_end == x1, "trial %d: columns %d to %d, not %d to %d", trial,
           boxed.column_begin, boxed.column_end, x0, x1);
    EXPECT(boxed.row_begin == y0 && boxed.row_end == y1, "trial %d: rows %d to %d, not %d to %d", trial,
           boxed.row_begin, boxed.row_end, y0, y1);
    cut += boxed.column_end - boxed.column_begin < tight.column_end - tight.column_begin;
  }
  EXPECT(cut > 10, "the box cut only %d splats", cut);
}

}  // namespace

void test_geometry() {
  Random random(2);
  jacobian_is_the_slope_of_the_pixel(random);
  whitening_is_the_inverse_covariance(random);
  boxes_hold_every_pixel_that_shows(random);
  inria_draws_the_tiles_of_a_square(random);
}
