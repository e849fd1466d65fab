// What the files of splatworld._cuda share. Every address is that of memory which splatworld/render/cuda.py has made or
// checked: of the right type, size and device, contiguous, and alive until the stream is done with it. Addresses and not
// arrays, because each array that passes the border takes microseconds, and a frame has twenty.
#pragma once

#include <nanobind/nanobind.h>

#include "cuda/forward.h"

namespace splatworld {

using Address = uintptr_t;

template <class T>
T* at(Address address) { return reinterpret_cast<T*>(address); }

inline Stream stream_at(Address stream) { return reinterpret_cast<Stream>(stream); }

// A frame as Python holds it.
struct Drawing {
  FrameSize size;
  Workspace work;
};

void bind_backward(nanobind::module_& m);
void bind_train(nanobind::module_& m);

}  // namespace splatworld
