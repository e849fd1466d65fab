// splatworld._cpu: the CPU kernels as Python sees them. Python owns every array and hands over addresses: taking
// torch's tensors as arrays costs 2 us each, more than a small picture may. splatworld/render/native.py checks them.
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "cpu/frame.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace splatworld {
namespace {

using Address = uintptr_t;  // of the first element of a contiguous array; 0 where there is none

template <class T = float>
T* at(Address address) { return reinterpret_cast<T*>(address); }

template <class T>
T* shifted(T* first, int64_t by) { return first ? first + by : nullptr; }

void require(bool holds, const char* sentence) {
  if (!holds) throw nb::value_error(sentence);
}

const Kernels* kernels_named(const std::string& isa) {
  for (const Kernels& candidate : kernels())
    if (isa == candidate.name) return &candidate;
  throw nb::value_error("isa must be one of those that isas() lists");
}

std::vector<std::string> isas() {
  std::vector<std::string> names;
  for (const Kernels& candidate : kernels()) names.emplace_back(candidate.name);
  return names;
}

Job job(float near_plane, float far_plane, float dilation, float alpha_max, float compensation_floor, float radius_clip,
        float box_sigmas, int lens, bool antialiased, bool activated, const std::string& isa, int threads) {
  require(lens >= 0 && lens <= 2, "lens must be 0, 1 or 2");
  require(threads >= 1 && threads <= 1024, "threads must be 1 to 1024");
  return {{near_plane, far_plane, dilation, alpha_max, compensation_floor, radius_clip, box_sigmas, Lens(lens),
           antialiased, activated},
          kernels_named(isa),
          threads};
}

Gaussians gaussians(int64_t count, Address means, Address quats, Address log_scales, Address logit_opacities, Address sh,
                    Address features, Address things, int degree, int terms, int channels) {
  require(count >= 0 && count <= 0x7fffffff, "at most 2**31 - 1 splats can be drawn at once");
  require(degree >= -1 && degree <= 4, "degree must be -1 to 4");
  require(terms >= (degree < 0 ? 1 : (degree + 1) * (degree + 1)), "sh has too few coefficients for its degree");
  return {count,  at<>(means),    at<>(quats),         at<>(log_scales), at<>(logit_opacities),
          at<>(sh), at<>(features), at<int32_t>(things), degree,           terms, channels};
}

View<float> view_of(const float* m, const float* k, int width, int height) {
  View<float> view{};
  view.rotation = {{m[0], m[1], m[2]}, {m[4], m[5], m[6]}, {m[8], m[9], m[10]}};
  view.translation = {m[3], m[7], m[11]};
  view.eye = -1.0f * transposed_times(view.rotation, view.translation);
  view.fx = k[0], view.fy = k[4], view.cx = k[2], view.cy = k[5];
  view.width = float(width), view.height = float(height);
  return view;
}

// A footprint as Python sees it: its splat's row; x, y, p, q, r, power; four values.
using Seen = std::tuple<uint32_t, std::array<float, 6>, std::array<float, 4>>;

// What the way back needs of the pictures of some cameras.
struct Frames {
  Job job;
  int width, height;
  std::vector<std::unique_ptr<Frame>> of;

  Frames(const Job& job, int width, int height) : job(job), width(width), height(height) {}
  std::vector<Seen> footprints(size_t camera) const {
    require(camera < of.size(), "there is no such camera");
    const Visible& visible = of[camera]->visible();
    std::vector<Seen> seen(visible.count);
    for (uint32_t i = 0; i < visible.count; ++i) {
      const Footprint& f = visible.footprints[i];
      seen[i] = {f.splat, {f.x, f.y, f.p, f.q, f.r, f.power}, {f.values[0], f.values[1], f.values[2], f.values[3]}};
    }
    return seen;
  }

  Frames(const Frames&) = delete;

  void backward(const Gaussians& splats, Address rgb, Address alpha, Address depth, Address features, Address means,
                Address quats, Address log_scales, Address logit_opacities, Address sh, Address features_grad,
                Address absolute, Address poses) {
    require(!splats.channels || !splats.count || features_grad, "features_grad must be there where there are features");
    nb::gil_scoped_release unlocked;
    const GaussiansGrad grads{at<>(means), at<>(quats),         at<>(log_scales), at<>(logit_opacities),
                              at<>(sh),    at<>(features_grad), at<>(absolute)};
    Workers workers(job.threads);
    const int64_t pixels = int64_t(width) * height;
    for (size_t i = 0; i < of.size(); ++i) {
      const int64_t first = int64_t(i) * pixels;
      const PictureGrad picture{width,
                                height,
                                shifted(at<>(rgb), 3 * first),
                                shifted(at<>(alpha), first),
                                shifted(at<>(depth), first),
                                shifted(at<>(features), splats.channels * first)};
      const PoseGrad<float> pose = of[i]->backward(splats, job, picture, grads, workers);
      if (!poses) continue;
      float* to = at<>(poses) + 16 * i;
      const Vec3<float>* rows[3] = {&pose.rotation.a, &pose.rotation.b, &pose.rotation.c};
      const float moved[3] = {pose.translation.x, pose.translation.y, pose.translation.z};
      for (int row = 0; row < 3; ++row) {
        float* out = to + 4 * row;
        out[0] = rows[row]->x, out[1] = rows[row]->y, out[2] = rows[row]->z, out[3] = moved[row];
      }
    }
  }
};

std::unique_ptr<Frames> draw(const Job& job, const Gaussians& splats, Address poses, Address Ks, int cameras, int width,
                             int height, Address rgb, Address alpha, Address depth, Address features, Address median,
                             Address things, Address skipped, bool keep) {
  require(width > 0 && height > 0 && width <= 0xffff && height <= 0xffff, "an image side must be 1 to 65535 pixels");
  nb::gil_scoped_release unlocked;
  auto frames = std::make_unique<Frames>(job, width, height);
  Workers workers(job.threads);
  const int64_t pixels = int64_t(width) * height;
  for (int i = 0; i < cameras; ++i) {
    const int64_t first = i * pixels;
    auto frame = std::make_unique<Frame>(view_of(at<>(poses) + 16 * i, at<>(Ks) + 9 * i, width, height));
    const Picture picture{width,
                          height,
                          at<>(rgb) + 3 * first,
                          at<>(alpha) + first,
                          at<>(depth) + first,
                          shifted(at<>(features), splats.channels * first),
                          at<>(median) + first,
                          at<int32_t>(things) + first};
    at<int32_t>(skipped)[i] = int32_t(frame->draw(splats, job, picture, keep, workers));
    if (keep) frames->of.push_back(std::move(frame));
  }
  return keep ? std::move(frames) : nullptr;
}

}  // namespace

void bind_train_cpu(nb::module_& m);    // bind/train_cpu.cpp
void bind_records_cpu(nb::module_& m);  // bind/records_cpu.cpp

NB_MODULE(_cpu, m) {
  m.doc() = "CPU kernels of splatworld.";
  nb::set_leak_warnings(false);  // jobs are kept until the program ends
  m.def("isas", &isas, "Instruction sets that this processor can run, fastest first.");
  nb::class_<Job>(m, "Job", "How to draw: settings, instruction set, threads.")
      .def("__init__", [](Job* self, float near_plane, float far_plane, float dilation, float alpha_max,
                          float compensation_floor, float radius_clip, float box_sigmas, int lens, bool antialiased,
                          bool activated, const std::string& isa, int threads) {
        new (self) Job(job(near_plane, far_plane, dilation, alpha_max, compensation_floor, radius_clip, box_sigmas, lens,
                           antialiased, activated, isa, threads));
      }, "near_plane"_a, "far_plane"_a, "dilation"_a, "alpha_max"_a, "compensation_floor"_a, "radius_clip"_a,
         "box_sigmas"_a, "lens"_a, "antialiased"_a, "activated"_a, "isa"_a, "threads"_a);
  nb::class_<Gaussians>(m, "Gaussians", "Addresses of the arrays of splats, which must outlive every use.")
      .def("__init__", [](Gaussians* self, int64_t count, Address means, Address quats, Address log_scales,
                          Address logit_opacities, Address sh, Address features, Address things, int degree, int terms,
                          int channels) {
        new (self) Gaussians(gaussians(count, means, quats, log_scales, logit_opacities, sh, features, things, degree,
                                       terms, channels));
      });
  nb::class_<Frames>(m, "Frames", "What the way back needs of pictures.")
      .def("footprints", &Frames::footprints, "Of one camera, nearest first: (row, (x, y, p, q, r, power), values).")
      .def("backward", &Frames::backward,
           "Add gradients to the given arrays: splats, then gradients for rgb, alpha, depth and features, then addresses "
           "for those of means, quats, log_scales, logit_opacities, sh, features, absolute (n 2) and poses (c 4 4).");
  m.def("draw", &draw,
        "Draw splats over black: job, splats, poses (c 4 4), Ks (c 3 3), their number, width, height, and images to fill: "
        "rgb (c h w 3), alpha, depth sum, features, median, things and skipped (c). Returns Frames to keep, or None.");
  bind_train_cpu(m);
  bind_records_cpu(m);
}

}  // namespace splatworld
