"""What every reader does to values it did not make, and what every writer refuses.

Readers drop or mend and tell the counts; writers refuse, because a bad value of our own is a fault to be found.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splatworld import limits
from splatworld.errors import FormatError, OutputError
from splatworld.progress import Progress, Warning
from splatworld.splats import Splats

CORE = ("means", "quats", "log_scales", "logit_opacities", "sh")
"""The tensors that all splats have."""
LOGIT_MAX = 20.0
"""Stands for an infinite logit, or one beyond all bounds: sigmoid(20) is 1 to within 2e-9."""
_LARGEST = torch.finfo(torch.float32).max
SOUND = {
    "means": limits.POSITION_METRES_MAX,
    "quats": limits.SPLAT_NUMBER_MAX,
    "log_scales": limits.LOG_SCALE_ABS_MAX,
    "logit_opacities": limits.SPLAT_NUMBER_MAX,
    "sh": limits.SH_ABS_MAX,
}
"""Within these bounds nothing has to be mended."""
WRITABLE = dict.fromkeys(CORE, _LARGEST) | {"means": limits.POSITION_METRES_MAX}
"""Within these nothing is refused."""


def checked_count(count: int, bytes_per_splat: int, available: int, source: str) -> int:
    """`count` itself, if a file with `available` bytes for them can hold so many splats; else `FormatError`."""
    if not 0 <= count <= limits.FILE_SPLATS_MAX:
        raise FormatError(f"{source} claims {count:,} splats; at most {limits.FILE_SPLATS_MAX:,} are read")
    if count * bytes_per_splat > available:
        raise FormatError(
            f"{source} claims {count:,} splats, which take {count * bytes_per_splat:,} bytes; it holds {available:,}"
        )
    return count


def checked_unpacking(count: int, degree: int, size: int, source: str) -> int:
    """`count` itself, if so many splats are no bomb in a packed file of `size` bytes; else `FormatError`."""
    checked_count(count, 0, 0, source)
    needed = count * 4 * (11 + 3 * (degree + 1) ** 2)
    if needed > max(size * limits.UNPACKED_RATIO_MAX, limits.UNPACKED_FREE_BYTES):
        raise FormatError(f"{source} claims {count:,} splats, {needed:,} bytes in memory, which {size:,} cannot hold")
    return count


@dataclass(frozen=True)
class Tally:
    """What was wrong with the splats of a file; tallies of its parts add up."""

    dropped: int = 0
    """Rows with values that mean nothing."""
    unturned: int = 0
    """Zero quaternions."""
    clamped: bool = False
    """Colours out of range."""

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.dropped + other.dropped, self.unturned + other.unturned, self.clamped or other.clamped)

    def tell(self, source: str, count: int, progress: Progress) -> None:
        """Say through `progress` what was done to the `count` splats of `source`."""
        if self.dropped:
            progress(Warning(f"{source}: dropped {self.dropped:,} of {count:,} splats with values that are no "
                             f"number or lie beyond {limits.POSITION_METRES_MAX:,.0f} m"))  # fmt: skip
        if self.unturned:
            progress(Warning(f"{source}: {self.unturned:,} splats have no rotation; they are left unturned"))
        if self.clamped:
            progress(Warning(f"{source}: colours beyond {limits.SH_ABS_MAX:,.0f} were clamped"))


def cleaned(splats: Splats, source: str, progress: Progress) -> Splats:
    """The splats of a whole file, `mended`; what was done is told through `progress`."""
    sound, _, tally = mended(splats)
    tally.tell(source, len(splats), progress)
    return sound


def mended(splats: Splats) -> tuple[Splats, Tensor | None, Tally]:
    """Splats with sound values only: finite, within `limits`, with no zero quaternion.

    Rows with a value that means nothing are dropped: their mask [n] comes second, None if there are none. Zero
    quaternions become the identity; sizes, opacities and colours out of range are clamped. Tensors without a fault are
    handed on as they are.
    """
    if _sound(splats):
        return splats, None, Tally()
    bad = _meaningless(splats)
    if bad is not None:
        splats = splats[~bad]
    quats, log_scales, logits, sh = splats.quats, splats.log_scales, splats.logit_opacities, splats.sh
    zero = (quats == 0).all(1)
    unturned = int(zero.sum())
    if unturned:
        quats = torch.where(zero[:, None], quats.new_tensor([1.0, 0.0, 0.0, 0.0]), quats)
    if not _within(log_scales, limits.LOG_SCALE_ABS_MAX):
        log_scales = log_scales.clamp(-limits.LOG_SCALE_ABS_MAX, limits.LOG_SCALE_ABS_MAX)
    if not _within(logits, limits.SPLAT_NUMBER_MAX):
        far = logits.abs() > limits.SPLAT_NUMBER_MAX
        logits = torch.where(far, logits.sign() * LOGIT_MAX, logits)
    clamped = not _within(sh, limits.SH_ABS_MAX)
    if clamped:
        sh = sh.clamp(-limits.SH_ABS_MAX, limits.SH_ABS_MAX)
    sound = replace(splats, quats=quats, log_scales=log_scales, logit_opacities=logits, sh=sh)
    return sound, bad, Tally(0 if bad is None else int(bad.sum()), unturned, clamped)


def writable(splats: Splats, target: str) -> Splats:
    """The splats themselves; `OutputError` if a value is no number or a position is out of the limit."""
    for name in CORE:
        if not _within(getattr(splats, name), _LARGEST):
            raise OutputError(f"cannot write {target}: {name} holds values that are no finite number")
    if not _within(splats.means, limits.POSITION_METRES_MAX):
        raise OutputError(f"cannot write {target}: positions lie beyond {limits.POSITION_METRES_MAX:,.0f} m")
    return splats


def sound_ids(values: NDArray[Any], low: int, high: int, none: int) -> NDArray[Any]:
    """Ids of a foreign file [n], of any type: those that are no index from `low` to `high` become `none`."""
    return np.where((values >= low) & (values <= high), values, values.dtype.type(none))


def _sound(splats: Splats) -> bool:
    """True if nothing has to be mended: the usual case, in one pass over the values."""
    within = all(_within(getattr(splats, name), bound) for name, bound in SOUND.items())
    return within and not (splats.quats[:, 0] == 0).any()


def _within(values: Tensor, bound: float) -> bool:
    """True if all values are finite and within +-bound. No copies: the extremes of values with a NaN are NaN.

    By numpy, which stays in the thread that asks, as many of them check blocks of their own.
    """
    if not values.numel():
        return True
    array = values.detach().numpy()
    return bool(array.min() >= -bound) and bool(array.max() <= bound)


def _meaningless(splats: Splats) -> Tensor | None:
    """Mask of the rows no rule can mend, or None if there are none (the usual, fast case)."""
    bad = torch.zeros(len(splats), dtype=torch.bool)
    for name, bound in {"means": limits.POSITION_METRES_MAX, "quats": limits.SPLAT_NUMBER_MAX, "sh": _LARGEST}.items():
        values = getattr(splats, name)
        if not _within(values, bound):
            bad |= ~(values.abs() <= bound).reshape(len(splats), -1).all(1)
    for name in ("log_scales", "logit_opacities"):
        values = getattr(splats, name)
        if not _within(values, torch.inf):
            bad |= values.isnan().reshape(len(splats), -1).any(1)
    return bad if bad.any() else None
