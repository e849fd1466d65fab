// The way back in splatworld._cuda. See bind/cuda.h about addresses; 0 stands for what is not there or not wanted.
#include "cuda/backward.h"

#include "bind/cuda.h"

namespace nb = nanobind;

namespace splatworld {
namespace {

size_t backward_bytes(const Drawing& drawing, bool deterministic, bool features) {
  size_t bytes = 0;
  backward_scratch(drawing.work.frame, deterministic, features, nullptr, &bytes);
  return bytes;
}

void backward_frame(const Drawing& drawing, const Gaussians& splats, Address pose, Address K, const Settings& settings,
                    const PictureGrads& picture, const SplatGrads& out, bool deterministic, Address scratch,
                    Address stream) {
  const Frame& frame = drawing.work.frame;
  size_t bytes = 0;
  const BackwardScratch places =
      backward_scratch(frame, deterministic, picture.features != nullptr, at<void>(scratch), &bytes);
  backward(frame, splats, {at<float>(pose), at<float>(K)}, settings, picture, places, out, stream_at(stream));
}

}  // namespace

void bind_backward(nb::module_& m) {
  nb::class_<PictureGrads>(m, "PictureGrads", "Gradients for one camera's images.")
      .def("__init__", [](PictureGrads* self, Address rgb, Address alpha, Address depth, Address features) {
        *self = {at<float>(rgb), at<float>(alpha), at<float>(depth), at<float>(features)};
      });
  nb::class_<SplatGrads>(m, "SplatGrads", "Where gradients for the rows and for one camera's pose are added up.")
      .def("__init__", [](SplatGrads* self, Address pose, Address means, Address quats, Address log_scales,
                          Address logit_opacities, Address sh, Address features, Address absolute) {
        *self = {at<float>(means), at<float>(quats),    at<float>(log_scales), at<float>(logit_opacities),
                 at<float>(sh),    at<float>(features), at<float>(absolute),   at<float>(pose)};
      });
  const auto unlocked = nb::call_guard<nb::gil_scoped_release>();
  m.def("backward_bytes", &backward_bytes, "Of scratch that `backward` needs.");
  m.def("backward", &backward_frame, unlocked, "Queue the way back through a kept frame.");
}

}  // namespace splatworld
