"""What the kernels should reach on an H100, held against rows of the bench."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Row = dict[str, object]


@dataclass(frozen=True)
class Aim:
    """One number that is wanted, and what was found; None where it was not measured."""

    what: str
    wanted: float
    at_least: bool
    found: float | None

    @property
    def result(self) -> str:
        """In a word."""
        if self.found is None:
            return "not run"
        reached = self.found >= self.wanted if self.at_least else self.found <= self.wanted
        return "reached" if reached else "MISSED"

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        found = "" if self.found is None else f"{self.found:.4g}"
        return f"{self.what:<58}{f'{sign} {self.wanted:g}':>10}{found:>10}  {self.result}"


def judged(rows: Sequence[Row]) -> list[Aim]:
    """All aims; those with gsplat take the faster of its two ways, and the smaller for memory."""
    garden, million = "garden 5x5", "trained 1M"
    return [
        Aim("garden 5x5, 1080p: pictures a second", 1200, True, _rate(_ours(rows, garden, "forward"))),
        Aim("  as many times as fast as gsplat", 3.0, True, _times(rows, garden, "forward")),
        Aim("garden 5x5, 1080p: there and back a second", 600, True, _rate(_ours(rows, garden, "backward"))),
        Aim("  as many times as fast as gsplat", 2.5, True, _times(rows, garden, "backward")),
        Aim("a million splats, 1080p: ms for a picture", 0.5, False, _ours(rows, million, "forward")),
        Aim("a million splats, 1080p: ms for a step of training", 3.0, False, _ours(rows, million, "step")),
        Aim("garden 5x5, there and back: memory over gsplat's", 0.7, False, _memory(rows, garden, "backward")),
        Aim("a million splats, there and back: memory over gsplat's", 0.7, False, _memory(rows, million, "backward")),
    ]


def _ours(rows: Sequence[Row], scene: str, mode: str, number: str = "ms") -> float | None:
    return _least(rows, scene, mode, number, lambda backend: backend == "cuda")


def _theirs(rows: Sequence[Row], scene: str, mode: str, number: str = "ms") -> float | None:
    return _least(rows, scene, mode, number, lambda backend: backend.startswith("gsplat"))


def _least(rows: Sequence[Row], scene: str, mode: str, number: str, wanted: Callable[[str], bool]) -> float | None:
    fitting = [r for r in rows if str(r["scene"]).startswith(scene) and r.get("mode") == mode and number in r]
    return min((float(str(r[number])) for r in fitting if wanted(str(r["backend"]))), default=None)


def _rate(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else 1000 / milliseconds


def _times(rows: Sequence[Row], scene: str, mode: str) -> float | None:
    ours, theirs = _ours(rows, scene, mode), _theirs(rows, scene, mode)
    return None if ours is None or theirs is None else theirs / ours


def _memory(rows: Sequence[Row], scene: str, mode: str) -> float | None:
    ours, theirs = _ours(rows, scene, mode, "peak_mb"), _theirs(rows, scene, mode, "peak_mb")
    return None if ours is None or theirs is None else ours / theirs
