// What the training entries of splatworld._cpu and splatworld._cuda share: from arrays to the kernels' own structs.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>

#include <cmath>
#include <optional>
#include <tuple>

#include "splatworld/adam.h"
#include "splatworld/loss.h"

namespace splatworld {

template <class T, class Device>
using Images = nanobind::ndarray<T, nanobind::shape<-1, -1, -1, 3>, Device, nanobind::c_contig>;
template <class T, class Device>
using Planes = nanobind::ndarray<T, nanobind::shape<-1, -1, -1>, Device, nanobind::c_contig>;
template <class T, class Device>
using Table = nanobind::ndarray<T, nanobind::shape<-1, -1>, Device, nanobind::c_contig>;
template <class T, class Device>
using Line = nanobind::ndarray<T, nanobind::shape<-1>, Device, nanobind::c_contig>;

using AdamChoice = std::tuple<double, double, double>;  // beta1, beta2, epsilon

namespace {

void require(bool holds, const char* sentence) {
  if (!holds) throw nanobind::value_error(sentence);
}

template <class Device>
LossImages loss_images(const Images<const float, Device>& image, const std::optional<Images<const float, Device>>& target,
                       const std::optional<Images<const uint8_t, Device>>& target_u8,
                       const std::optional<Planes<const float, Device>>& weights, float l1_scale, float ssim_scale,
                       const std::optional<Images<float, Device>>& gradient) {
  const auto same_size = [&](const auto& other) {
    return other.shape(0) == image.shape(0) && other.shape(1) == image.shape(1) && other.shape(2) == image.shape(2);
  };
  require(target.has_value() != target_u8.has_value(), "there must be one target");
  require((!target || same_size(*target)) && (!target_u8 || same_size(*target_u8)) && (!weights || same_size(*weights)) &&
              (!gradient || same_size(*gradient)),
          "image, target, weights and gradient must have the same size");
  require(image.shape(0) <= 0xffff && image.shape(1) <= 0xffff && image.shape(2) <= 0xffff,
          "at most 65535 pictures with sides of at most 65535 pixels");
  return {image.data(), target ? target->data() : nullptr, target_u8 ? target_u8->data() : nullptr,
          weights ? weights->data() : nullptr, int(image.shape(0)), int(image.shape(1)), int(image.shape(2)), 3,
          l1_scale, ssim_scale, gradient ? gradient->data() : nullptr};
}

AdamSettings adam_settings(const AdamChoice& choice) {
  const auto [beta1, beta2, epsilon] = choice;
  const double ratio = beta1 / std::sqrt(beta2);
  require(beta1 >= 0 && beta2 > 0 && beta2 < 1 && ratio < 0.99 && epsilon > 0, "betas or epsilon are out of range");
  const int memory = beta1 > 0 ? int(std::log(1e-8) / std::log(ratio)) + 1 : 1;
  return {float(beta1), float(beta2), float(1 - beta1), float(1 - beta2), float(epsilon), float(ratio), memory};
}

template <class Device>
AdamGroup adam_group(const Table<float, Device>& value, const Table<float, Device>& first,
                     const Table<float, Device>& second, const std::optional<Table<const float, Device>>& gradient,
                     int head, int kind) {
  const auto same_size = [&](const auto& other) {
    return other.shape(0) == value.shape(0) && other.shape(1) == value.shape(1);
  };
  require(same_size(first) && same_size(second) && (!gradient || same_size(*gradient)),
          "value, first, second and gradient must have the same size");
  require(value.shape(1) >= 1 && value.shape(1) <= 0xffff && head >= 1 && size_t(head) <= value.shape(1) && kind >= 0,
          "head must be 1 to the number of columns, at most 65535");
  return {value.data(), first.data(), second.data(), gradient ? gradient->data() : nullptr, int64_t(value.shape(0)),
          int(value.shape(1)), head, kind};
}

template <class Device>
AdamClock adam_clock(const AdamGroup& group, const Line<const int32_t, Device>& now, const Line<const float, Device>& pace,
                     const std::optional<Line<const bool, Device>>& visible,
                     const std::optional<Line<const int32_t, Device>>& last,
                     const std::optional<Table<const float, Device>>& tables) {
  require(now.shape(0) == 1 && pace.shape(0) > size_t(group.kind + 2), "now must be 1 number and pace 1 for each kind and 1");
  require(last.has_value() == tables.has_value(), "last and tables go together");
  require((!visible || visible->shape(0) == size_t(group.rows)) && (!last || last->shape(0) == size_t(group.rows)),
          "visible and last must have one row per row of value");
  require(!tables || tables->shape(0) == pace.shape(0), "tables must have a row for each number of pace");
  return {now.data(), pace.data(), last ? last->data() : nullptr, tables ? tables->data() : nullptr,
          tables ? int(tables->shape(1)) : 0};
}

template <class Device>
AdamTick adam_tick_of(const AdamChoice& choice, const Line<int32_t, Device>& now, const Line<float, Device>& pace,
                      const Line<const float, Device>& rates, const std::optional<Table<float, Device>>& tables) {
  require(now.shape(0) == 1 && pace.shape(0) == rates.shape(0) + 1, "now must be 1 number and pace 1 more than rates");
  require(!tables || (tables->shape(0) == pace.shape(0) && tables->shape(1) <= 0x7fffffff),
          "tables must have a row for each number of pace");
  return {now.data(), pace.data(), tables ? tables->data() : nullptr, tables ? int(tables->shape(1)) : 0,
          int(rates.shape(0)), rates.data(), std::get<0>(choice), std::get<1>(choice)};
}

}  // namespace
}  // namespace splatworld
