// Memory for large arrays: not cleared, in whole cache lines, and in huge pages where the system has them: a fault for
// every 4 KiB takes as long as what is done with them.
#pragma once

#include <stddef.h>
#include <stdlib.h>

#include <new>
#include <utility>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace splatworld {

template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t size) { reserve(size); }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept { return swap(other), *this; }
  ~Buffer() { release(); }

  // Room for `size` elements; if there was less, what was held is lost.
  void reserve(size_t size) {
    if (size <= capacity_) return;
    release();
    const size_t page = size * sizeof(T) >= kHuge ? kHuge : 64;
    const size_t bytes = (size * sizeof(T) + page - 1) / page * page;
#if defined(_MSC_VER)
    data_ = static_cast<T*>(_aligned_malloc(bytes, page));
#else
    data_ = static_cast<T*>(aligned_alloc(page, bytes));
#endif
    if (!data_) throw std::bad_alloc();
#if defined(__linux__)
    if (page == kHuge) madvise(data_, bytes, MADV_HUGEPAGE);
#endif
    capacity_ = size;
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }

 private:
  static constexpr size_t kHuge = size_t(2) << 20;

  void swap(Buffer& other) {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
  }
  void release() {
#if defined(_MSC_VER)
    _aligned_free(data_);
#else
    free(data_);
#endif
    data_ = nullptr, capacity_ = 0;
  }

  T* data_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace splatworld
