// splatworld._cuda: the CUDA kernels as Python sees them. See bind/cuda.h about addresses.
#include "bind/cuda.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <optional>

namespace nb = nanobind;
using namespace nb::literals;

namespace splatworld {
namespace {

// Why no kernel can run here.
std::optional<std::string> problem() {
#if defined(SW_EMULATED)
  return std::nullopt;
#else
  int devices = 0;
  const cudaError_t code = cudaGetDeviceCount(&devices);
  cudaGetLastError();  // an error that has been told is not told again
  if (code != cudaSuccess) return std::string(cudaGetErrorString(code));
  if (devices == 0) return std::string("there is no GPU");
  return std::nullopt;
#endif
}

void bind_inputs(nb::module_& m) {
  nb::class_<Gaussians>(m, "Gaussians", "Splats as stored; a null address where there are no features or things.")
      .def("__init__",
           [](Gaussians* self, int64_t count, Address means, Address quats, Address log_scales, Address logit_opacities,
              Address sh, Address features, Address things, int degree, int terms, int channels) {
             *self = {count,
                      at<float>(means),
                      at<float>(quats),
                      at<float>(log_scales),
                      at<float>(logit_opacities),
                      at<float>(sh),
                      at<float>(features),
                      at<int32_t>(things),
                      degree,
                      terms,
                      channels};
           });
  nb::class_<Packed>(m, "Packed", "Splats in half precision, for drawing alone.")
      .def("__init__",
           [](Packed* self, int64_t count, Address means, Address shapes, Address sh, int degree, int quads) {
             *self = {count, at<float>(means), at<uint4>(shapes), at<uint4>(sh), degree, quads};
           })
      .def_ro("count", &Packed::count);
  nb::class_<Settings>(m, "Settings")
      .def("__init__",
           [](Settings* self, float near_plane, float far_plane, float dilation, float alpha_max,
              float compensation_floor, float radius_clip, float box_sigmas, int lens, bool antialiased,
              bool activated) {
             *self = {near_plane,  far_plane,  dilation,   alpha_max,   compensation_floor,
                      radius_clip, box_sigmas, Lens(lens), antialiased, activated};
           });
}

nb::dict addresses(const Drawing& drawing) {
  const Frame& frame = drawing.work.frame;
  nb::dict out;
  const auto add = [&](const char* name, const void* array) { out[name] = reinterpret_cast<Address>(array); };
  add("counters", frame.counters);
  add("geometry", frame.geometry);
  add("values", frame.values);
  add("pairs", frame.pairs);
  add("ranges", frame.ranges);
  add("transmittance", frame.transmittance);
  add("last", frame.last);
  add("tile_last", frame.tile_last);
  add("checkpoint_values", frame.checkpoint_values);
  add("checkpoint_transmittance", frame.checkpoint_transmittance);
  return out;
}

// Two blocks of memory are wanted first, then `place` says where they are.
void bind_frame(nb::module_& m) {
  nb::class_<Drawing>(m, "Frame", "One camera's picture, or the band of it from tile row `tile_row` on.")
      .def(
          "__init__",
          [](Drawing* self, int width, int height, int tile_row, int band_rows, uint32_t splats,
             uint32_t visible_capacity, uint32_t pair_capacity, bool keep, bool packed) {
            const size_t sorting = sorting_bytes(visible_capacity, pair_capacity);
            new (self) Drawing{{width, height, tile_row, band_rows, splats, visible_capacity, pair_capacity, sorting,
                                keep, packed},
                               {}};
            self->work = workspace(self->size, nullptr, nullptr);
          },
          "width"_a, "height"_a, "tile_row"_a, "band_rows"_a, "splats"_a, "visible_capacity"_a, "pair_capacity"_a,
          "keep"_a, "packed"_a = false)
      .def_prop_ro("kept_bytes", [](const Drawing& self) { return self.work.kept_bytes; })
      .def_prop_ro("scratch_bytes", [](const Drawing& self) { return self.work.scratch_bytes; })
      .def("place",
           [](Drawing& self, Address kept, Address scratch) {
             self.work = workspace(self.size, at<void>(kept), at<void>(scratch));
           })
      .def_prop_ro("addresses", &addresses, "Of the arrays in the kept block, by name.");
}

// Queue projection and binning, and copy the counters to `counters` on the host.
template <class Splats>
void bin_frame(Drawing& drawing, const Splats& splats, Address pose, Address K, const Settings& settings,
               Address counters, Address stream) {
  drawing.work.frame.alpha_max = settings.alpha_max;
  project(splats, {at<float>(pose), at<float>(K)}, settings, drawing.work, stream_at(stream));
  bin(drawing.work, stream_at(stream));
  if (counters)
    succeed(cudaMemcpyAsync(at<void>(counters), drawing.work.frame.counters, kCounters * sizeof(uint32_t),
                            cudaMemcpyDeviceToHost, stream_at(stream)));
}

void blend_frame(Drawing& drawing, Address totals, Address alpha, Address median, Address things, Address skipped,
                 Address stream) {
  drawing.work.frame.totals = at<float4>(totals);
  blend(drawing.work.frame, {at<float>(alpha), at<float>(median), at<int32_t>(things), at<int32_t>(skipped)},
        stream_at(stream));
}

void blend_frame_features(Drawing& drawing, Address features, int channels, int first, Address totals, Address stream) {
  // The way back runs this again to get what it needs; what the first pass kept must stay.
  Frame frame = drawing.work.frame;
  frame.totals = at<float4>(totals), frame.values = drawing.work.feature_values, frame.checkpoint_values = nullptr;
  blend_features(frame, at<float>(features), channels, first, stream_at(stream));
}

void blend_frame_bytes(Drawing& drawing, Address bytes, float red, float green, float blue, Address stream) {
  blend_bytes(drawing.work.frame, at<uint8_t>(bytes), {red, green, blue}, stream_at(stream));
}

}  // namespace

NB_MODULE(SW_MODULE, m) {
  m.doc() = "CUDA kernels of splatworld. Private: splatworld.render.cuda checks what goes in.";
  m.attr("TILES_MAX") = kTilesMax;
  m.attr("TILE") = kTile;
  m.def("problem", &problem, "Why the kernels cannot run on this machine, or None.");
  bind_inputs(m);
  bind_frame(m);
  const auto unlocked = nb::call_guard<nb::gil_scoped_release>();
  m.def("bin", &bin_frame<Gaussians>, unlocked, "Queue projection and tile lists; counters come to the host's.");
  m.def("bin", &bin_frame<Packed>, unlocked);
  m.def("blend", &blend_frame, unlocked, "Queue the first pass: red, green, blue, depth.");
#if defined(SW_EMULATED)
  m.def("set_seed", &simt::set_seed, "Let threads take their order from this number.");
#endif
  m.def("blend_features", &blend_frame_features, unlocked, "Queue a pass over four channels of the features.");
  m.def("blend_bytes", &blend_frame_bytes, unlocked, "Queue the only pass of packed splats: display bytes.");
  bind_backward(m);
  bind_train(m);
}

}  // namespace splatworld
