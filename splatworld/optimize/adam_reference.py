"""What Adam's kernels do (cuda_ext/include/splatworld/adam.h), in plain torch, for where there are none."""

import math
from typing import Any

import torch
from torch import Tensor

Choice = tuple[float, float, float]
"""beta1, beta2, epsilon."""

_GRADIENT_MAX = 1e18
"""What is beyond, or no number, counts as zero: it must not spoil the means for good."""


def adam_tick(choice: Choice, now: Tensor, pace: Tensor, rates: Tensor, tables: Tensor | None, *_rest: Any) -> None:
    """Begin the next step: lengthen the tables by the last one, then set clock and pace."""
    beta1, beta2, _ = choice
    step = int(now)
    if tables is not None and step > 0:
        memory = math.ceil(math.log(1e-8) / math.log(_ratio(choice))) if beta1 > 0 else 1
        begin, end = max(0, step - memory), min(step, tables.shape[1])
        missed = step - torch.arange(begin, end, device=tables.device, dtype=tables.dtype)
        tables[1:, begin:end] += (pace[1:] / pace[0])[:, None] * _ratio(choice) ** missed
    step += 1
    now.fill_(step)
    pace[0] = 1 / math.sqrt(1 - beta2**step)
    pace[1:] = rates / (1 - beta1**step)
    if tables is not None and step <= tables.shape[1]:
        tables[0, step - 1] = pace[0]


def adam_step(
    choice: Choice,
    value: Tensor,
    first: Tensor,
    second: Tensor,
    gradient: Tensor | None,
    head: int,
    kind: int,
    now: Tensor,
    pace: Tensor,
    visible: Tensor | None,
    last: Tensor | None,
    tables: Tensor | None,
    *_rest: Any,
) -> None:
    """One step for the rows [n, w] of a tensor; without a gradient, make up for missed steps alone."""
    rows = slice(None) if visible is None else visible.nonzero()[:, 0]
    kept = [value[rows], first[rows], second[rows]]
    for columns, rate in ((slice(None, head), 1 + kind), (slice(head, None), 2 + kind)):
        part = [tensor[:, columns] for tensor in kept]
        if last is not None and tables is not None:
            missed = now - last[rows] - int(gradient is not None)
            _catch_up(choice, part, last[rows], missed, pace[[0, rate]], tables[[0, rate]], gradient is None)
        if gradient is not None:
            _step(choice, part, gradient[rows][:, columns], pace[[0, rate]])
    for tensor, new in zip((value, first, second), kept, strict=True):
        tensor[rows] = new


def _ratio(choice: Choice) -> float:
    return choice[0] / math.sqrt(choice[1])


def _step(choice: Choice, part: list[Tensor], gradient: Tensor, pace: Tensor) -> None:
    beta1, beta2, epsilon = choice
    value, first, second = part
    gradient = torch.where(gradient.abs() <= _GRADIENT_MAX, gradient, 0)
    first.lerp_(gradient, 1 - beta1)
    second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    value -= pace[1] * first / (second.sqrt() * pace[0] + epsilon)


def _catch_up(
    choice: Choice, part: list[Tensor], last: Tensor, missed: Tensor, pace: Tensor, tables: Tensor, with_now: bool
) -> None:
    beta1, beta2, epsilon = choice
    value, first, second = part
    missed = missed.clamp_min(0).to(value.dtype)
    at = last.long().clamp_max(tables.shape[1] - 1)
    drift = torch.where((missed > 0) & (last < tables.shape[1]), tables[1, at], 0)
    if with_now:
        drift = drift + torch.where(missed > 0, _ratio(choice) ** missed * pace[1] / pace[0], 0)
    softening = epsilon / (tables[0, at].clamp_min(1) * math.sqrt(beta2))
    value -= first * (drift[:, None] / (second.sqrt() + softening[:, None]))
    first *= (beta1**missed)[:, None]
    second *= (beta2**missed)[:, None]
