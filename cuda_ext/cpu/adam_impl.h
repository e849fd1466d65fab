// Adam over rows; the inner loops run over numbers that lie side by side, so compilers turn them into vector code.
#include "cpu/side_by_side.h"
#include "cpu/train_kernels.h"

namespace splatworld {
namespace {

void step_along(const AdamSettings& settings, const AdamPace& pace, const AdamGroup& group, int64_t begin, int64_t end) {
  float *value = group.value, *first = group.first, *second = group.second;
  const float* gradient = group.gradient;
  const AdamSettings kept = settings;
  const AdamPace steady = pace;
  SW_SIDE_BY_SIDE
  for (int64_t i = begin; i < end; ++i) adam_step(kept, steady, gradient[i], value + i, first + i, second + i);
}

void catch_up_along(const AdamMissed& missed, const AdamGroup& group, int64_t begin, int64_t end) {
  float *value = group.value, *first = group.first, *second = group.second;
  const AdamMissed kept = missed;
  SW_SIDE_BY_SIDE
  for (int64_t i = begin; i < end; ++i) adam_catch_up(kept, value + i, first + i, second + i);
}

// One row's numbers [begin, end), all of one kind.
void adam_part(const AdamSettings& settings, const AdamClock& clock, const AdamGroup& group, int64_t row, int kind,
               int begin, int end) {
  const AdamRow shared = adam_row(settings, clock, row, kind, group.gradient != nullptr);
  const int64_t at = row * group.width;
  if (shared.behind) catch_up_along(shared.missed, group, at + begin, at + end);
  if (group.gradient) step_along(settings, shared.pace, group, at + begin, at + end);
}

void adam_rows(const AdamSettings& settings, const AdamClock& clock, const AdamGroup& group, const bool* visible,
               int64_t begin, int64_t end) {
  if (!visible && !clock.last && group.head == group.width) {
    // All rows alike: one long row.
    const AdamPace pace = {clock.pace[1 + group.kind], clock.pace[0]};
    return step_along(settings, pace, group, begin * group.width, end * group.width);
  }
  for (int64_t row = begin; row < end; ++row) {
    if (visible && !visible[row]) continue;
    adam_part(settings, clock, group, row, group.kind, 0, group.head);
    if (group.head < group.width) adam_part(settings, clock, group, row, group.kind + 1, group.head, group.width);
  }
}

}  // namespace
}  // namespace splatworld
