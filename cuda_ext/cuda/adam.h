// Adam on the device, by itself and at the end of the way back.
#pragma once

#include "cuda/backward.h"
#include "splatworld/adam.h"

namespace splatworld {

// The next step: brings clock, pace and tables up to date.
void adam_tick(const AdamSettings& settings, const AdamTick& tick, Stream stream);

// One step for the rows that `visible` names; null: all.
void adam(const AdamSettings& settings, const AdamClock& clock, const AdamGroup& group, const bool* visible, Stream stream);

// One tensor of the splats under optimisation.
struct Trained {
  float *value, *first, *second;
};

// All of them; learning rates come in this order, two kinds for each (AdamGroup::kind 0, 2, 4, 6, 8).
struct TrainedSplats {
  Trained means, quats, log_scales, logit_opacities, sh;
};

// What the loss has besides the picture, of the rows that the picture reaches: opacity_weight * sum of opacities
// + scale_weight * sum of scales.
struct Regularisers {
  float opacity_weight, scale_weight;
};

// The last part of the way back, and the step: for each footprint with a gradient, from there to the stored parameters and
// into them, without a gradient tensor in between. `splats` holds the same values as `trained`. A frame that overflowed
// leaves everything as it was. `clock.last`, where not null, is brought up to date; `abs_centres` as in SplatGrads.
void project_backward_adam(const Frame& frame, const Gaussians& splats, const Camera& camera, const Settings& settings,
                           const BackwardScratch& scratch, const TrainedSplats& trained, const Regularisers& regularisers,
                           const AdamSettings& adam, const AdamClock& clock, int32_t* last, float* abs_centres,
                           Stream stream);

}  // namespace splatworld
