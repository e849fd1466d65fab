// All kernels over one vector type V (see lanes.h). Include only from the files of the instruction sets.
#pragma once

#include "cpu/blend_backward_impl.h"
#include "cpu/blend_impl.h"
#include "cpu/project_backward_impl.h"
#include "cpu/project_impl.h"

namespace splatworld {
namespace {

template <class V>
Kernels kernels_over(const char* name) {
  return {name, project_range<V>, blend_tile<V>, blend_backward_tile<V>, project_backward_range<V>};
}

}  // namespace
}  // namespace splatworld
