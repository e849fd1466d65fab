// Loss and optimiser in splatworld._cuda.
#include <nanobind/stl/tuple.h>

#include "bind/cuda.h"
#include "bind/train.h"
#include "cuda/adam.h"
#include "cuda/loss.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace splatworld {
namespace {

#if defined(SW_EMULATED)
using Device = nb::device::cpu;
#else
using Device = nb::device::cuda;
#endif

void loss_on_device(Address image, int stride, Address target, Address target_u8, Address weights, int count, int height,
                    int width, float l1_scale, float ssim_scale, Address gradient, Address scratch, Address sums,
                    Address stream) {
  const LossImages images = {at<float>(image), at<float>(target), at<uint8_t>(target_u8), at<float>(weights), count, height,
                             width, stride, l1_scale, ssim_scale, at<float>(gradient)};
  loss(images, at<float>(scratch), at<float>(sums), stream_at(stream));
}

void tick(AdamChoice choice, Line<int32_t, Device> now, Line<float, Device> pace, Line<const float, Device> rates,
          std::optional<Table<float, Device>> tables, Address stream) {
  adam_tick(adam_settings(choice), adam_tick_of(choice, now, pace, rates, tables), stream_at(stream));
}

void step(AdamChoice choice, Table<float, Device> value, Table<float, Device> first, Table<float, Device> second,
          std::optional<Table<const float, Device>> gradient, int head, int kind, Line<const int32_t, Device> now,
          Line<const float, Device> pace, std::optional<Line<const bool, Device>> visible,
          std::optional<Line<const int32_t, Device>> last, std::optional<Table<const float, Device>> tables,
          Address stream) {
  const AdamGroup group = adam_group(value, first, second, gradient, head, kind);
  const AdamClock clock = adam_clock(group, now, pace, visible, last, tables);
  adam(adam_settings(choice), clock, group, visible ? visible->data() : nullptr, stream_at(stream));
}

// What the fused step works on, for as long as its tensors stay where they are.
struct Optimiser {
  TrainedSplats trained;
  AdamSettings settings;
  AdamClock clock;
  int32_t* last;
};

// Addresses of value and the two means of a tensor.
using Places = std::tuple<Address, Address, Address>;

Trained trained(Places places) {
  const auto [value, first, second] = places;
  return {at<float>(value), at<float>(first), at<float>(second)};
}

// The way back through a frame and the step, queued.
void train(const Drawing& drawing, const Optimiser& optimiser, const Gaussians& splats, Address pose, Address K,
           const Settings& settings, Address image_grad, Address alpha_grad, float opacity_weight, float scale_weight,
           Address abs_centres, bool deterministic, Address scratch_block, Address stream) {
  const Frame& frame = drawing.work.frame;
  size_t bytes = 0;
  const BackwardScratch scratch = backward_scratch(frame, deterministic, false, at<void>(scratch_block), &bytes);
  begin_backward(frame, scratch, stream_at(stream));
  blend_backward(frame, {at<float>(image_grad), 3, 3, nullptr, at<float>(alpha_grad)}, scratch, stream_at(stream));
  project_backward_adam(frame, splats, {at<float>(pose), at<float>(K)}, settings, scratch, optimiser.trained,
                        {opacity_weight, scale_weight}, optimiser.settings, optimiser.clock, optimiser.last,
                        at<float>(abs_centres), stream_at(stream));
}

}  // namespace

void bind_train(nb::module_& m) {
  const auto unlocked = nb::call_guard<nb::gil_scoped_release>();
  m.def("loss_scratch", &loss_scratch, "count"_a, "height"_a, "width"_a, "gradient"_a, "Floats that `loss` works in.");
  m.def("loss", &loss_on_device, unlocked,
        "Queue loss, mean of |x - y|, mean of 1 - similarity (to `sums`), and the gradient where it is not null.");
  m.def("adam_tick", &tick, "choice"_a, "now"_a.noconvert(), "pace"_a.noconvert(), "rates"_a.noconvert(),
        "tables"_a.noconvert().none(), "stream"_a, "Begin the next step.");
  m.def("adam_step", &step, "choice"_a, "value"_a.noconvert(), "first"_a.noconvert(), "second"_a.noconvert(),
        "gradient"_a.noconvert().none(), "head"_a, "kind"_a, "now"_a.noconvert(), "pace"_a.noconvert(),
        "visible"_a.noconvert().none(), "last"_a.noconvert().none(), "tables"_a.noconvert().none(), "stream"_a,
        "One step for the rows (n, w) of a tensor.");
  nb::class_<Optimiser>(m, "Optimiser", "Addresses of what `train` moves; null where there is no `last` and no tables.")
      .def("__init__", [](Optimiser* self, AdamChoice choice, Places means, Places quats, Places log_scales,
                          Places logit_opacities, Places sh, Address now, Address pace, Address last, Address tables,
                          int capacity) {
        *self = {{trained(means), trained(quats), trained(log_scales), trained(logit_opacities), trained(sh)},
                 adam_settings(choice),
                 {at<int32_t>(now), at<float>(pace), at<int32_t>(last), at<float>(tables), capacity},
                 at<int32_t>(last)};
      });
  m.def("train", &train, unlocked, "Queue the way back through a kept frame, in `backward_bytes` of scratch, and a step of what it reaches.");
}

}  // namespace splatworld
