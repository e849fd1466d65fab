"""`splatworld compare`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from splatworld import limits
from splatworld.errors import SplatworldError, UsageError

if TYPE_CHECKING:
    from splatworld.compare import Attributes, Comparison, Side


@dataclass(frozen=True)
class Compare:
    """Measure one world against another: errors of the splats, PSNR and SSIM of pictures, bytes."""

    a: Positional[Path]
    """World that counts as the truth."""
    b: Positional[Path]
    """World to measure: the same in another format, compressed or with fewer splats."""
    json: bool = False
    """Print JSON."""
    views: int = 8
    """Pictures to compare."""
    width: int = 480
    """Pixels."""
    height: int = 320
    """Pixels."""
    min_psnr: float | None = None
    """End with 1 if the PSNR is lower, in dB."""
    frame_a: Literal["rdf", "rub", "rfu"] | None = None
    """Axes of the first file. Default: those usual for its format."""
    frame_b: Literal["rdf", "rub", "rfu"] | None = None
    """Axes of the second file."""
    unit_a: float | None = None
    """Metres that a unit of the first file stands for. Default: what it states, or 1."""
    unit_b: float | None = None
    """Metres that a unit of the second file stands for."""

    def run(self) -> None:
        """Compare and print."""
        self._check()
        import msgspec

        from splatworld.cli.bars import shown
        from splatworld.compare import compare_files

        with shown() as progress:
            found = compare_files(
                self.a, self.b, frames=(self.frame_a, self.frame_b), units=(self.unit_a, self.unit_b), views=self.views,
                width=self.width, height=self.height, progress=progress,
            )  # fmt: skip
        if self.json:
            print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        else:
            print_table(found, self.a.name, self.b.name)
        if self.min_psnr is not None and found.psnr is not None and found.psnr < self.min_psnr:
            raise SplatworldError(f"the PSNR of {self.b} is {found.psnr:.2f} dB, below {self.min_psnr:g}")

    def _check(self) -> None:
        if not 1 <= self.views <= limits.COMPARED_VIEWS_MAX:
            raise UsageError(f"--views is {self.views}; expected 1 to {limits.COMPARED_VIEWS_MAX}")
        sides = self.width, self.height
        if not all(1 <= s <= limits.IMAGE_SIDE_MAX_PX for s in sides) or sides[0] * sides[1] > limits.IMAGE_PIXELS_MAX:
            raise UsageError(f"{self.width} x {self.height} is no size for a picture")


def print_table(found: "Comparison", a: str, b: str) -> None:
    """What was found about worlds called `a` and `b`, as tables on stdout."""
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    held = Table("", Column(Text(a)), Column(Text(b)), box=None, header_style="bold")
    for name, left, right in zip(_HELD, _held(found.a), _held(found.b), strict=True):
        held.add_row(name, left, right)
    errors = Table("", "", box=None, show_header=False)
    for name, value in _figures(found):
        errors.add_row(name, value)
    console = Console()
    console.print(held)
    console.print()
    console.print(errors)


_HELD = ("splats", "bytes", "bytes a splat", "SH degree", "layers", "things", "labels", "viewpoints", "also")


def _held(side: "Side") -> tuple[str, ...]:
    counts = (side.degree, side.layers, side.things, side.labels, side.viewpoints)
    size = "-" if side.bytes is None else f"{side.bytes:,}"
    each = "-" if side.bytes_per_splat is None else f"{side.bytes_per_splat:.2f}"
    return (f"{side.splats:,}", size, each, *map(str, counts), ", ".join(side.extras) or "-")


def _figures(found: "Comparison") -> Iterator[tuple[str, str]]:
    if found.identical:
        yield "splats", "identical"
    else:
        yield "matched", f"{100 * found.matched:.2f} %"
        if found.attributes is not None:
            yield from _errors(found.attributes)
    same = found.psnr is None
    yield "PSNR", "no pixel differs" if same else f"{found.psnr:.2f} dB"
    least = [view.psnr for view in found.views if view.psnr is not None]
    yield "PSNR, view by view", "-" if same else f"{min(least):.2f} to {max(least):.2f} dB"
    yield "SSIM", f"{found.ssim:.5f}"
    yield "views covered", f"{100 * sum(view.covered for view in found.views) / len(found.views):.0f} %"


def _errors(error: "Attributes") -> Iterator[tuple[str, str]]:
    places = (error.position_median_m, error.position_p99_m, error.position_max_m)
    yield "position, median / 99 % / largest", " / ".join(f"{1000 * metres:.3f}" for metres in places) + " mm"
    yield "ln scale, rms", f"{error.log_scale_rms:.4f}"
    yield "rotation, median / 99 %", f"{error.rotation_median_deg:.3f} / {error.rotation_p99_deg:.3f} degrees"
    yield "opacity, rms / bias", f"{error.opacity_rms:.4f} / {error.opacity_bias:+.4f}"
    yield "base colour, rms", f"{error.colour_rms:.4f}"
    for band, rms in enumerate(error.sh_rms, start=1):
        yield f"SH band {band}, rms", f"{rms:.4f}"
    if error.same_thing is not None:
        yield "of the same thing", f"{100 * error.same_thing:.2f} %"
