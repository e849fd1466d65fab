#include "cpu/records.h"

#include <algorithm>
#include <cstring>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace splatworld {
namespace {

constexpr int64_t kRows = 32;  // with 64 numbers a record, 8 KB on either side

// Runs of a number that is known: a copy becomes one or two instructions.
template <int n>
void copy(const float* from, int64_t from_step, float* to, int64_t to_step, int64_t rows) {
  for (int64_t i = 0; i < rows; ++i) std::memcpy(to + i * to_step, from + i * from_step, n * sizeof(float));
}

void copy(int n, const float* from, int64_t from_step, float* to, int64_t to_step, int64_t rows) {
  switch (n) {
    case 1: return copy<1>(from, from_step, to, to_step, rows);
    case 3: return copy<3>(from, from_step, to, to_step, rows);
    case 4: return copy<4>(from, from_step, to, to_step, rows);
    default:
      for (int64_t i = 0; i < rows; ++i) std::memcpy(to + i * to_step, from + i * from_step, n * sizeof(float));
  }
}

// Four numbers of each of three channels, apart by `step`, take turns. Compilers would load them one by one.
inline void weave_four(const float* from, int step, float* to) {
#if defined(__SSE2__) || defined(_M_X64)
  const __m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + step), c = _mm_loadu_ps(from + 2 * step);
  const __m128 c0a1 = _mm_shuffle_ps(c, a, _MM_SHUFFLE(1, 1, 0, 0)), b1c1 = _mm_shuffle_ps(b, c, _MM_SHUFFLE(1, 1, 1, 1));
  const __m128 c2a3 = _mm_shuffle_ps(c, a, _MM_SHUFFLE(3, 3, 2, 2)), b3c3 = _mm_shuffle_ps(b, c, _MM_SHUFFLE(3, 3, 3, 3));
  _mm_storeu_ps(to, _mm_shuffle_ps(_mm_unpacklo_ps(a, b), c0a1, _MM_SHUFFLE(2, 0, 1, 0)));
  _mm_storeu_ps(to + 4, _mm_shuffle_ps(b1c1, _mm_unpackhi_ps(a, b), _MM_SHUFFLE(1, 0, 2, 0)));
  _mm_storeu_ps(to + 8, _mm_shuffle_ps(c2a3, b3c3, _MM_SHUFFLE(2, 0, 2, 0)));
#elif defined(__ARM_NEON)
  vst3q_f32(to, float32x4x3_t{{vld1q_f32(from), vld1q_f32(from + step), vld1q_f32(from + 2 * step)}});
#else
  for (int i = 0; i < 4; ++i)
    for (int c = 0; c < 3; ++c) to[3 * i + c] = from[c * step + i];
#endif
}

inline void unweave_four(const float* from, float* to, int step) {
#if defined(__SSE2__) || defined(_M_X64)
  const __m128 x = _mm_loadu_ps(from), y = _mm_loadu_ps(from + 4), z = _mm_loadu_ps(from + 8);
  const __m128 a2a3 = _mm_shuffle_ps(y, z, _MM_SHUFFLE(1, 1, 2, 2)), b0b1 = _mm_shuffle_ps(x, y, _MM_SHUFFLE(0, 0, 1, 1));
  const __m128 b2b3 = _mm_shuffle_ps(y, z, _MM_SHUFFLE(2, 2, 3, 3)), c0c1 = _mm_shuffle_ps(x, y, _MM_SHUFFLE(1, 1, 2, 2));
  _mm_storeu_ps(to, _mm_shuffle_ps(x, a2a3, _MM_SHUFFLE(2, 0, 3, 0)));
  _mm_storeu_ps(to + step, _mm_shuffle_ps(b0b1, b2b3, _MM_SHUFFLE(2, 0, 2, 0)));
  _mm_storeu_ps(to + 2 * step, _mm_shuffle_ps(c0c1, z, _MM_SHUFFLE(3, 0, 2, 0)));
#elif defined(__ARM_NEON)
  const float32x4x3_t channels = vld3q_f32(from);
  for (int c = 0; c < 3; ++c) vst1q_f32(to + c * step, channels.val[c]);
#else
  for (int i = 0; i < 4; ++i)
    for (int c = 0; c < 3; ++c) to[c * step + i] = from[3 * i + c];
#endif
}

// Tables are long and records short, so of the tables the cache is asked for what comes some rows later.
constexpr int kAhead = 24;

inline void fetch(const float* first, int count) {
#if defined(__GNUC__)
  for (int i = 0; i < count; i += 16) __builtin_prefetch(first + i);
#else
  (void)first, (void)count;
#endif
}

// The last four overlap those before them.
void weave(int n, const float* from, int64_t from_step, float* to, int64_t to_step, int64_t rows) {
  for (int64_t row = 0; row < rows; ++row, from += from_step, to += to_step) {
    fetch(to + kAhead * to_step, 3 * n);
    for (int i = 0; i + 4 <= n; i += 4) weave_four(from + i, n, to + 3 * i);
    if (n >= 4 && n % 4) weave_four(from + n - 4, n, to + 3 * (n - 4));
    for (int i = 0; n < 4 && i < 3 * n; ++i) to[i] = from[i % 3 * n + i / 3];
  }
}

void unweave(int n, const float* from, int64_t from_step, float* to, int64_t to_step, int64_t rows) {
  for (int64_t row = 0; row < rows; ++row, from += from_step, to += to_step) {
    fetch(from + kAhead * from_step, 3 * n);
    for (int i = 0; i + 4 <= n; i += 4) unweave_four(from + 3 * i, to + i, n);
    if (n >= 4 && n % 4) unweave_four(from + 3 * (n - 4), to + n - 4, n);
    for (int i = 0; n < 4 && i < 3 * n; ++i) to[i % 3 * n + i / 3] = from[i];
  }
}

// The bits of numbers without their sign rise as the numbers do, and those of what is no number are the highest.
bool beyond(const float* values, int64_t count, float bound) {
  int32_t limit, worst = 0;
  std::memcpy(&limit, &bound, sizeof limit);
  for (int64_t i = 0; i < count; ++i) {
    int32_t bits;
    std::memcpy(&bits, values + i, sizeof bits);
    worst |= limit - (bits & 0x7fffffff);
  }
  return worst < 0;
}

bool within(int first, int64_t count, int limit) { return first >= 0 && count > 0 && first + count <= limit; }

uint32_t checked(const Layout& layout, int64_t first, int64_t rows) {
  uint32_t found = 0;
  for (int t = 0; t < layout.table_count; ++t) {
    const Table& table = layout.tables[t];
    found |= uint32_t(beyond(table.values + first * table.width, rows * table.width, table.bound)) << t;
  }
  return found;
}

}  // namespace

bool sound(const Layout& layout) {
  bool good = layout.width > 0 && layout.table_count <= 32;
  for (int i = 0; i < layout.table_count; ++i) good &= layout.tables[i].width > 0 && layout.tables[i].bound >= 0;
  for (int i = 0; good && i < layout.move_count; ++i) {
    const Move& m = layout.moves[i];
    const int64_t length = int64_t(m.channels) * m.count;
    good &= (m.channels == 1 || m.channels == 3) && within(m.column, length, layout.width);
    good &= m.table == kNowhere ||
            (within(m.table, 1, layout.table_count) && within(m.place, length, layout.tables[m.table].width));
  }
  return good;
}

uint32_t spread(const Layout& layout, int64_t rows, const float* records) {
  uint32_t found = 0;
  for (int64_t first = 0; first < rows; first += kRows) {
    const int64_t n = std::min(kRows, rows - first);
    for (int i = 0; i < layout.move_count; ++i) {
      const Move& m = layout.moves[i];
      if (m.table == kNowhere) continue;
      const Table& table = layout.tables[m.table];
      const float* from = records + first * layout.width + m.column;
      float* to = table.values + first * table.width + m.place;
      if (m.channels == 3)
        weave(m.count, from, layout.width, to, table.width, n);
      else
        copy(m.count, from, layout.width, to, table.width, n);
    }
    found |= checked(layout, first, n);
  }
  return found;
}

uint32_t gather(const Layout& layout, int64_t rows, float* records) {
  uint32_t found = 0;
  for (int64_t first = 0; first < rows; first += kRows) {
    const int64_t n = std::min(kRows, rows - first);
    float* piece = records + first * layout.width;
    for (int i = 0; i < layout.move_count; ++i) {
      const Move& m = layout.moves[i];
      if (m.table == kNowhere) {
        for (int64_t row = 0; row < n; ++row) std::fill_n(piece + row * layout.width + m.column, m.count, 0.0f);
        continue;
      }
      const Table& table = layout.tables[m.table];
      const float* from = table.values + first * table.width + m.place;
      if (m.channels == 3)
        unweave(m.count, from, table.width, piece + m.column, layout.width, n);
      else
        copy(m.count, from, table.width, piece + m.column, layout.width, n);
    }
    found |= checked(layout, first, n);
  }
  return found;
}

}  // namespace splatworld
