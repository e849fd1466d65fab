// Adam (Kingma and Ba 2015), for the CPU and CUDA alike, in two ways that give the same numbers: every row at every step, or a
// row only when it has a gradient, with all the steps that it has missed made up for at once.
//
// In a missed step the gradient is zero, so the means only decay, and the value still drifts the way it went before. With
// m, v the means after a row's last step, r_s = learning rate / (1 - beta1^s) and d_s = 1 / sqrt(1 - beta2^s), step s > last
// moves the value by -r_s beta1^j m / (d_s sqrt(beta2^j v)), j = s - last. All but m / sqrt(v) is the same for all rows with
// the same `last`: their sums over s are kept in a table by `last` (Tables), which a step lengthens by one term.
#pragma once

#include <stdint.h>

#include "splatworld/vec.h"

namespace splatworld {

struct AdamSettings {
  float beta1, beta2, rest1, rest2;  // rest: 1 - beta, rounded once
  float epsilon;                     // above 0
  float ratio;                       // beta1 / sqrt(beta2), below 1: how fast drift dies out
  int memory;                        // steps after which it is over
};

// Learning rates come in kinds: two for each tensor, for its first columns and for the rest.
struct AdamClock {
  const int32_t* now;   // number of the step at hand, from 1
  const float* pace;    // 1 + kinds: d_now, then r_now of each kind
  const int32_t* last;  // n: the step that each row was last brought up to; null: missed steps are not made up for
  const float* tables;  // 1 + kinds rows of `capacity`, by step: d_(last + 1), then the drift up to step now - 1
  int capacity;
};

// A tensor of n rows under optimisation.
struct AdamGroup {
  float* value;
  float* first;           // running mean of the gradient
  float* second;          // and of its square
  const float* gradient;  // null: only make up for missed steps, the one at hand too
  int64_t rows;
  int width, head;        // numbers in a row, and in its first part
  int kind;               // learning rate of the first part; the rest has the next one
};

struct AdamPace {
  float rate, spread;
};

struct AdamMissed {
  float drift, decay1, decay2, epsilon;
};

// What all numbers of one row and kind share.
struct AdamRow {
  AdamPace pace;
  AdamMissed missed;
  bool behind;  // it has missed steps
};

SW_HD AdamRow adam_row(const AdamSettings& settings, const AdamClock& clock, int64_t row, int kind, bool stepping) {
  AdamRow out = {{clock.pace[1 + kind], clock.pace[0]}, {0, 1, 1, settings.epsilon}, false};
  if (!clock.last) return out;
  const int now = *clock.now, last = clock.last[row], steps = now - last - (stepping ? 1 : 0);
  if (steps <= 0) return out;
  out.behind = true;
  AdamMissed& missed = out.missed;
  missed.decay1 = powf(settings.beta1, float(steps)), missed.decay2 = powf(settings.beta2, float(steps));
  if (last >= clock.capacity) return out;
  missed.drift = clock.tables[int64_t(1 + kind) * clock.capacity + last];
  // The table ends before the step at hand.
  if (!stepping) missed.drift += powf(settings.ratio, float(steps)) * out.pace.rate / out.pace.spread;
  // d is taken as that of the first missed step: exact for one step, and wherever epsilon is small beside sqrt(v).
  missed.epsilon = settings.epsilon / (clock.tables[last] * root(settings.beta2));
  return out;
}

SW_HD void adam_catch_up(const AdamMissed& missed, float* value, float* first, float* second) {
  *value -= *first * missed.drift / (root(*second) + missed.epsilon);
  *first *= missed.decay1;
  *second *= missed.decay2;
}

constexpr float kGradientMax = 1e18f;  // its square is a number

// A gradient that is no number, or beyond all measure, counts as zero: it must not spoil the means for good.
SW_HD void adam_step(const AdamSettings& settings, const AdamPace& pace, float gradient, float* value, float* first,
                     float* second) {
  gradient = fabsf(gradient) <= kGradientMax ? gradient : 0.0f;
  *first += settings.rest1 * (gradient - *first);
  *second = settings.beta2 * *second + settings.rest2 * gradient * gradient;
  *value -= pace.rate * *first / (root(*second) * pace.spread + settings.epsilon);
}

// What a new step changes; the same arrays as an AdamClock reads.
struct AdamTick {
  int32_t* now;
  float* pace;
  float* tables;  // or null
  int capacity, kinds;
  const float* rates;    // learning rate of each kind
  double beta1, beta2;
};

// Part `part` of `parts` of the first half of a tick: the tables get the step that was at hand until now.
SW_HD void adam_lengthen(const AdamSettings& settings, const AdamTick& tick, int part, int parts) {
  const int step = *tick.now;
  if (!tick.tables || step == 0) return;
  const int reach = step < settings.memory ? step : settings.memory;
  for (int i = part; i < reach * tick.kinds; i += parts) {
    const int kind = i / reach, steps = i % reach + 1, last = step - steps;
    if (last >= tick.capacity) continue;
    tick.tables[int64_t(1 + kind) * tick.capacity + last] +=
        powf(settings.ratio, float(steps)) * tick.pace[1 + kind] / tick.pace[0];
  }
}

// The second half, after all parts of the first one.
SW_HD void adam_advance(const AdamTick& tick) {
  const int step = ++*tick.now;
  tick.pace[0] = float(1 / sqrt(1 - pow(tick.beta2, double(step))));
  for (int kind = 0; kind < tick.kinds; ++kind)
    tick.pace[1 + kind] = float(tick.rates[kind] / (1 - pow(tick.beta1, double(step))));
  if (tick.tables && step - 1 < tick.capacity) tick.tables[step - 1] = tick.pace[0];
}

}  // namespace splatworld
