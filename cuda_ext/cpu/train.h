// Loss and optimiser on the CPU, over threads. The results do not depend on their number.
#pragma once

#include "cpu/train_kernels.h"

namespace splatworld {

LossSums loss(const LossImages& images, int threads);

void adam(const AdamSettings& settings, const AdamClock& clock, const AdamGroup& group, const bool* visible, int threads);

// The next step: brings clock, pace and tables up to date.
void adam_tick(const AdamSettings& settings, const AdamTick& tick);

}  // namespace splatworld
