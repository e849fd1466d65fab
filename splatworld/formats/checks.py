"""What every reader does to values it did not make, and what every writer refuses.

Readers drop or mend and tell the counts; writers refuse, because a bad value of our own is a fault to be found.
"""

from dataclasses import replace

import torch
from torch import Tensor

from splatworld import limits
from splatworld.errors import FormatError, OutputError
from splatworld.progress import Progress, Warning
from splatworld.splats import Splats

LOGIT_MAX = 20.0
"""Stands for an infinite logit: sigmoid(20) is 1 to within 2e-9."""


def checked_count(count: int, bytes_per_splat: int, available: int, source: str) -> int:
    """`count` itself, if a file with `available` bytes for them can hold so many splats; else `FormatError`."""
    if not 0 <= count <= limits.FILE_SPLATS_MAX:
        raise FormatError(f"{source} claims {count:,} splats; at most {limits.FILE_SPLATS_MAX:,} are read")
    if count * bytes_per_splat > available:
        raise FormatError(
            f"{source} claims {count:,} splats, which take {count * bytes_per_splat:,} bytes; it holds {available:,}"
        )
    return count


def cleaned(splats: Splats, source: str, progress: Progress) -> Splats:
    """Splats with sound values only: finite, within `limits`, with no zero quaternion.

    Rows with a value that means nothing are dropped; zero quaternions become the identity; sizes, opacities and colours
    out of range are clamped. What was done is told through `progress`.
    """
    bad = _meaningless(splats)
    if bad is not None:
        progress(Warning(f"{source}: dropped {int(bad.sum()):,} of {len(splats):,} splats with values that are no "
                         f"number or lie beyond {limits.POSITION_METRES_MAX:,.0f} m"))  # fmt: skip
        splats = splats[~bad]
    quats, log_scales, logits, sh = splats.quats, splats.log_scales, splats.logit_opacities, splats.sh
    unturned = (quats == 0).all(1)
    if unturned.any():
        progress(Warning(f"{source}: {int(unturned.sum()):,} splats have no rotation; they are left unturned"))
        quats = torch.where(unturned[:, None], quats.new_tensor([1.0, 0.0, 0.0, 0.0]), quats)
    if not _within(log_scales, limits.LOG_SCALE_ABS_MAX):
        log_scales = log_scales.clamp(-limits.LOG_SCALE_ABS_MAX, limits.LOG_SCALE_ABS_MAX)
    if not _within(logits, torch.finfo(logits.dtype).max):
        logits = logits.nan_to_num(posinf=LOGIT_MAX, neginf=-LOGIT_MAX)
    if not _within(sh, limits.SH_ABS_MAX):
        progress(Warning(f"{source}: colours beyond {limits.SH_ABS_MAX:,.0f} were clamped"))
        sh = sh.clamp(-limits.SH_ABS_MAX, limits.SH_ABS_MAX)
    return replace(splats, quats=quats, log_scales=log_scales, logit_opacities=logits, sh=sh)


def writable(splats: Splats, target: str) -> Splats:
    """The splats themselves; `OutputError` if a value is no number or a position is out of the limit."""
    for name in ("means", "quats", "log_scales", "logit_opacities", "sh"):
        if not _within(getattr(splats, name), torch.finfo(torch.float32).max):
            raise OutputError(f"cannot write {target}: {name} holds values that are no finite number")
    if not _within(splats.means, limits.POSITION_METRES_MAX):
        raise OutputError(f"cannot write {target}: positions lie beyond {limits.POSITION_METRES_MAX:,.0f} m")
    return splats


def sound_ids(ids: Tensor) -> bool:
    """True if thing ids of a foreign file can be used as table indices."""
    return not len(ids) or (int(ids.min()) >= 0 and int(ids.max()) <= limits.THING_ID_MAX)


def _within(values: Tensor, bound: float) -> bool:
    """True if all values are finite and within +-bound. One pass, no copies: `aminmax` hands NaN on."""
    if not values.numel():
        return True
    low, high = values.aminmax()
    return bool(low >= -bound) and bool(high <= bound)


def _meaningless(splats: Splats) -> Tensor | None:
    """Mask of the rows no rule can mend, or None if there are none (the usual, fast case)."""
    bounds = {"means": limits.POSITION_METRES_MAX, "quats": torch.finfo(torch.float32).max}
    bad = torch.zeros(len(splats), dtype=torch.bool)
    for name, bound in bounds.items():
        values = getattr(splats, name)
        if not _within(values, bound):
            bad |= ~(values.abs() <= bound).all(1)
    for name in ("log_scales", "logit_opacities", "sh"):
        values = getattr(splats, name)
        if not _within(values, torch.inf):
            bad |= values.isnan().reshape(len(splats), -1).any(1)
    if not _within(splats.sh, torch.finfo(splats.sh.dtype).max):
        bad |= splats.sh.isinf().reshape(len(splats), -1).any(1)
    return bad if bad.any() else None
