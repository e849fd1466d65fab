// The inner loops of training, compiled once per instruction set and chosen when the program runs.
#pragma once

#include <stdint.h>

#include "splatworld/adam.h"
#include "splatworld/loss.h"

namespace splatworld {

struct LossSums {
  double l1 = 0, dissimilarity = 0;  // weighted sums of |x - y| and of 1 - similarity
};

// A part of one picture, pixels [x, x_end) and [y, y_end).
struct LossTile {
  int picture, x, y, x_end, y_end;
};

constexpr int kLossTileColumns = 256, kLossTileRows = 64;
constexpr int kLossScratch = 100 * 3 * (kLossTileColumns + 4 * kSsimReach);  // floats for one tile, more than it needs

struct TrainKernels {
  const char* name;
  LossSums (*loss)(const LossImages&, const LossTile&, float* scratch);
  // Rows [begin, end) of those that `visible` names; null: all.
  void (*adam)(const AdamSettings&, const AdamClock&, const AdamGroup&, const bool* visible, int64_t begin, int64_t end);
};

// The fastest that this processor can run.
const TrainKernels& train_kernels();

}  // namespace splatworld
