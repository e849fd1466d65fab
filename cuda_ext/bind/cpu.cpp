// splatworld._cpu: the CPU kernels as Python sees them. Python owns every array.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "cpu/forward.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace splatworld {
namespace {

template <class T, nb::ssize_t... Sizes>
using In = nb::ndarray<const T, nb::shape<Sizes...>, nb::device::cpu, nb::c_contig>;

template <class T, nb::ssize_t... Sizes>
using Out = nb::ndarray<T, nb::shape<Sizes...>, nb::device::cpu, nb::c_contig>;

void require(bool holds, const char* sentence) {
  if (!holds) throw nb::value_error(sentence);
}

Gaussians gaussians(const In<float, -1, 3>& means, const In<float, -1, 4>& quats, const In<float, -1, 3>& log_scales,
                    const In<float, -1>& logit_opacities, const In<float, -1, -1, 3>& sh, const In<int32_t, -1>& things) {
  const size_t n = means.shape(0);
  require(quats.shape(0) == n && log_scales.shape(0) == n && logit_opacities.shape(0) == n && sh.shape(0) == n &&
              things.shape(0) == n,
          "means, quats, log_scales, logit_opacities, sh and things must have one row per splat each");
  require(n <= 0x7fffffff, "at most 2**31 - 1 splats can be drawn at once");
  int degree = 0;
  while (degree < 4 && size_t((degree + 1) * (degree + 1)) < sh.shape(1)) ++degree;
  require(size_t((degree + 1) * (degree + 1)) == sh.shape(1), "sh must have 1, 4, 9, 16 or 25 coefficients");
  return {int64_t(n), means.data(), quats.data(), log_scales.data(), logit_opacities.data(), sh.data(), nullptr,
          things.data(), degree, int(sh.shape(1)), 0};
}

View<float> view_of(const In<float, 4, 4>& camera_from_world, const In<float, 3, 3>& K, size_t width, size_t height) {
  const float* m = camera_from_world.data();
  View<float> view{};
  view.rotation = {{m[0], m[1], m[2]}, {m[4], m[5], m[6]}, {m[8], m[9], m[10]}};
  view.translation = {m[3], m[7], m[11]};
  view.eye = -1.0f * transposed_times(view.rotation, view.translation);
  const float* k = K.data();
  view.fx = k[0], view.fy = k[4], view.cx = k[2], view.cy = k[5];
  view.width = float(width), view.height = float(height);
  return view;
}

const Kernels& kernels_named(const std::string& isa) {
  for (const Kernels& candidate : kernels())
    if (isa == candidate.name) return candidate;
  throw nb::value_error("isa must be one of those that isas() lists");
}

void render(In<float, -1, 3> means, In<float, -1, 4> quats, In<float, -1, 3> log_scales, In<float, -1> logit_opacities,
            In<float, -1, -1, 3> sh, In<int32_t, -1> things, In<float, 4, 4> camera_from_world, In<float, 3, 3> K,
            Out<float, -1, -1, 3> rgb, Out<float, -1, -1> alpha, Out<float, -1, -1> depth, Out<float, -1, -1> median,
            Out<int32_t, -1, -1> thing_image, const std::string& isa, int threads) {
  const size_t height = rgb.shape(0), width = rgb.shape(1);
  const auto same_size = [&](const auto& image) { return image.shape(0) == height && image.shape(1) == width; };
  require(same_size(alpha) && same_size(depth) && same_size(median) && same_size(thing_image),
          "rgb, alpha, depth, median and thing_image must have the same height and width");
  require(height > 0 && width > 0 && height <= 0xffff && width <= 0xffff, "an image side must be 1 to 65535 pixels");
  require(threads >= 1 && threads <= 1024, "threads must be 1 to 1024");
  const Gaussians splats = gaussians(means, quats, log_scales, logit_opacities, sh, things);
  const View<float> view = view_of(camera_from_world, K, width, height);
  const Image image{rgb.data(), alpha.data(), depth.data(), median.data(), thing_image.data(), int(width), int(height)};
  const Kernels& chosen = kernels_named(isa);
  nb::gil_scoped_release unlocked;
  forward(splats, view, Settings{}, chosen, threads, image);
}

std::vector<std::string> isas() {
  std::vector<std::string> names;
  for (const Kernels& candidate : kernels()) names.emplace_back(candidate.name);
  return names;
}

}  // namespace

NB_MODULE(_cpu, m) {
  m.doc() = "CPU kernels of splatworld.";
  m.def("isas", &isas, "Instruction sets that this processor can run, fastest first.");
  // noconvert: a silent copy of an output array would lose the picture.
  m.def("render", &render, "means"_a.noconvert(), "quats"_a.noconvert(), "log_scales"_a.noconvert(),
        "logit_opacities"_a.noconvert(), "sh"_a.noconvert(), "things"_a.noconvert(), "camera_from_world"_a.noconvert(),
        "K"_a.noconvert(), "rgb"_a.noconvert(), "alpha"_a.noconvert(), "depth"_a.noconvert(), "median"_a.noconvert(),
        "thing_image"_a.noconvert(), "isa"_a, "threads"_a,
        "Draw splats over black into the given images: rgb (h, w, 3), alpha, depth, median and thing_image (h, w).");
}

}  // namespace splatworld
