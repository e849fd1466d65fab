// Loss and optimiser in splatworld._cpu.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>

#include "bind/train.h"
#include "cpu/train.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace splatworld {
namespace {

using Device = nb::device::cpu;

std::pair<double, double> loss_of(Images<const float, Device> image, std::optional<Images<const float, Device>> target,
                                  std::optional<Images<const uint8_t, Device>> target_u8,
                                  std::optional<Planes<const float, Device>> weights, float l1_scale, float ssim_scale,
                                  std::optional<Images<float, Device>> gradient, int threads) {
  require(threads >= 1 && threads <= 1024, "threads must be 1 to 1024");
  const LossImages images = loss_images(image, target, target_u8, weights, l1_scale, ssim_scale, gradient);
  nb::gil_scoped_release unlocked;
  const LossSums sums = loss(images, threads);
  return {sums.l1, sums.dissimilarity};
}

void tick(AdamChoice choice, Line<int32_t, Device> now, Line<float, Device> pace, Line<const float, Device> rates,
          std::optional<Table<float, Device>> tables, int) {
  adam_tick(adam_settings(choice), adam_tick_of(choice, now, pace, rates, tables));
}

void step(AdamChoice choice, Table<float, Device> value, Table<float, Device> first, Table<float, Device> second,
          std::optional<Table<const float, Device>> gradient, int head, int kind, Line<const int32_t, Device> now,
          Line<const float, Device> pace, std::optional<Line<const bool, Device>> visible,
          std::optional<Line<const int32_t, Device>> last, std::optional<Table<const float, Device>> tables, int threads) {
  require(threads >= 1 && threads <= 1024, "threads must be 1 to 1024");
  const AdamGroup group = adam_group(value, first, second, gradient, head, kind);
  const AdamClock clock = adam_clock(group, now, pace, visible, last, tables);
  const bool* rows = visible ? visible->data() : nullptr;
  nb::gil_scoped_release unlocked;
  adam(adam_settings(choice), clock, group, rows, threads);
}

}  // namespace

void bind_train_cpu(nb::module_& m) {
  m.def("loss", &loss_of, "image"_a.noconvert(), "target"_a.noconvert().none(), "target_u8"_a.noconvert().none(),
        "weights"_a.noconvert().none(), "l1_scale"_a, "ssim_scale"_a, "gradient"_a.noconvert().none(), "threads"_a,
        "Sums of |image - target| and of 1 - similarity over pictures (c, h, w, 3); writes the gradient of both.");
  m.def("adam_tick", &tick, "choice"_a, "now"_a.noconvert(), "pace"_a.noconvert(), "rates"_a.noconvert(),
        "tables"_a.noconvert().none(), "threads"_a, "Begin the next step.");
  m.def("adam_step", &step, "choice"_a, "value"_a.noconvert(), "first"_a.noconvert(), "second"_a.noconvert(),
        "gradient"_a.noconvert().none(), "head"_a, "kind"_a, "now"_a.noconvert(), "pace"_a.noconvert(),
        "visible"_a.noconvert().none(), "last"_a.noconvert().none(), "tables"_a.noconvert().none(), "threads"_a,
        "One step for the rows (n, w) of a tensor.");
}

}  // namespace splatworld
