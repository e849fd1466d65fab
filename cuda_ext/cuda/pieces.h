// A block of memory handed out piece by piece.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cuda/primitives.h"

namespace splatworld {

class Pieces {
 public:
  // Null: pieces are null too and are only added up.
  explicit Pieces(void* block) : block_(reinterpret_cast<uintptr_t>(block)) {}

  template <class T>
  T* take(size_t count) {
    T* piece = block_ ? reinterpret_cast<T*>(block_ + used_) : nullptr;
    used_ += (count * sizeof(T) + kAligned - 1) / kAligned * kAligned;
    return piece;
  }

  // Everything handed out so far.
  Scratch all() const { return {reinterpret_cast<void*>(block_), used_}; }

 private:
  static constexpr size_t kAligned = 256;  // bytes

  uintptr_t block_;
  size_t used_ = 0;
};

}  // namespace splatworld
