"""`splatworld convert`."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from splatworld.errors import UsageError

if TYPE_CHECKING:
    from splatworld.formats import Change
    from splatworld.formats.frames import Frame
    from splatworld.formats.presets import Preset
    from splatworld.progress import Progress
    from splatworld.world import World

Program = Literal[
    "unity", "unreal", "blender", "three", "playcanvas", "supersplat", "spark", "nerfstudio", "quest"
]  # those of `formats.presets`; spelled out here so that --help need not import it
Axes = Literal["rdf", "rub", "rfu"]
_RECORD_UNITS = ("ply", "compressed.ply", "sog")


@dataclass(frozen=True)
class Convert:
    """Write a world in another format; the suffixes name the formats."""

    source: Positional[Path]
    """File to read."""
    out: Positional[Path]
    """File to write."""
    program: Annotated[Program | None, arg(name="for")] = None
    """Program that the file is for: sets axes, unit, SH degree and number of splats as it likes them, and the format
    if the name of the file has no suffix. What is given besides goes first."""
    frame: Axes | None = None
    """Axes of the source, where x, y and z point: rdf is right, down, forward; f is forward, b is back, u is up.
    Default: those that the file states, or else the usual ones. Try rdf for a .spz that stands on its head."""
    unit: float | None = None
    """Metres that a unit of the source stands for, if it does not state it: 0.01 for centimetres."""
    target_frame: Axes | None = None
    """Axes of the file that is written. Default: those usual for its format."""
    scale: float = 1.0
    """Units of that file in a metre: 100 writes centimetres."""
    degree: int | None = None
    """Highest SH degree to keep, 0 to 4."""
    target: int | None = None
    """Splats to be left: they are merged, thing by thing, until there are no more."""
    ratio: float | None = None
    """Share of the splats to be left, 0 to 1, likewise."""
    clean: bool = False
    """Leave out floaters and splats that nobody can see, and say how many."""
    sky: Literal["keep", "drop", "picture"] = "keep"
    """What to do with the splats of the sky: keep them, leave them out, or make a picture of all round of them beside
    the file (NAME.sky.jpg), for programs that draw skies from one."""
    plain: bool = False
    """Of a .ply that is written: only the 62 numbers of the reference code, for programs that count bytes."""
    ksplat_level: Literal[0, 1] | None = None
    """Of a .ksplat that is written. Default: 1, half the size of 0."""
    spz_version: Literal[3, 4] | None = None
    """Of a .spz that is written. Default: 3, which more programs open; 4 holds SH of degree 4 and names its axes."""
    sh_bits: int | None = None
    """For each SH coefficient of a .spz that is written, 1 to 8. Default: 5 in band 1, 4 beyond."""
    verify: bool = False
    """Read the written file again and compare it with the source: attributes and pictures."""
    force: bool = False
    """Replace the file if it exists."""

    def run(self) -> None:
        """Read, change, write."""
        from splatworld import formats
        from splatworld.cli.bars import shown
        from splatworld.formats.presets import PRESETS

        preset = PRESETS[self.program] if self.program else None
        out = self._out(preset)
        if os.path.realpath(self.source) == os.path.realpath(out):
            raise UsageError(f"{self.source} would be read and replaced at once; name another file to write")
        options, axes = self._options(preset, out), self._axes(preset, out)
        formats.check_suffix(out, **options, **{name: value for name, value in axes.items() if value})
        formats.check_target(out, force=self.force)
        with shown() as progress:
            count = formats.convert(
                self.source,
                out,
                frame=self.frame,
                source_unit=self.unit,
                target_frame=axes.get("frame"),
                unit=axes.get("unit", 1.0),
                degree=self._degree(preset),
                changes=self._changes(preset, out),
                force=self.force,
                progress=progress,
                **options,
            )
        print(f"{out}: {count:,} splats{_told(axes, out)}")
        if preset is not None:
            print(f"{self.program}: {preset.then}")
        if self.verify:
            self._verify(out, axes.get("frame"), None if formats.suffix(out) in _RECORD_UNITS else axes.get("unit"))

    def _out(self, preset: "Preset | None") -> Path:
        """The file to write, in a format that the program reads."""
        from splatworld import formats

        if preset is None:
            return self.out
        if not self.out.suffix:
            return self.out.with_name(f"{self.out.name}.{preset.formats[0]}")
        if formats.suffix(self.out) not in preset.formats:
            known = ", ".join(f".{name}" for name in preset.formats)
            raise UsageError(f"cannot write {self.out} for {self.program}, which reads {known}")
        return self.out

    def _options(self, preset: "Preset | None", out: Path) -> dict[str, Any]:
        """Of the format, as far as asked."""
        from splatworld import formats

        usual = preset.options.get(formats.suffix(out), {}) if preset else {}
        asked = {
            "plain": self.plain or None,
            "ksplat_level": self.ksplat_level,
            "spz_version": self.spz_version,
            "sh_bits": self.sh_bits,
        }
        return usual | {name: value for name, value in asked.items() if value is not None}

    def _axes(self, preset: "Preset | None", out: Path) -> dict[str, Any]:
        from splatworld import formats

        if self.scale <= 0:
            raise UsageError(f"a scale of {self.scale:g} is not possible; give more than 0")
        asked = ({"frame": self.target_frame} if self.target_frame else {}) | (
            {"unit": 1 / self.scale} if self.scale != 1 else {}
        )
        usual: dict[str, Any] = {}
        if preset is not None and "frame" in formats.options(out):
            usual = {"frame": preset.frame, "unit": preset.unit}
        return usual | asked

    def _degree(self, preset: "Preset | None") -> int | None:
        if self.degree is not None and not 0 <= self.degree <= 4:
            raise UsageError(f"an SH degree of {self.degree} is not possible; give 0 to 4")
        return self.degree if self.degree is not None or preset is None else preset.degree

    def _changes(self, preset: "Preset | None", out: Path) -> list["Change"]:
        """What is done between reading and writing, in order."""
        if self.target is not None and self.ratio is not None:
            raise UsageError("give --target or --ratio, not both")
        if self.target is not None and self.target < 1:
            raise UsageError(f"--target {self.target} is not possible; give 1 or more")
        if self.ratio is not None and not 0 < self.ratio <= 1:
            raise UsageError(f"--ratio {self.ratio:g} is not possible; give more than 0 and at most 1")
        found: list[Change] = []
        if self.sky != "keep":
            found.append(partial(_without_sky, _beside(out) if self.sky == "picture" else None))
        if self.clean:
            found.append(_clean)
        target = self.target or (preset.budget if preset and self.ratio is None else None)
        if target is not None or self.ratio is not None:
            found.append(partial(_merged, target, self.ratio))
        return found

    def _verify(self, out: Path, frame: "Frame | None", unit: float | None) -> None:
        """Compare what was written with what was read."""
        from splatworld.cli.compare import Compare

        Compare(self.source, out, frame_a=self.frame, frame_b=frame, unit_a=self.unit, unit_b=unit).run()


def _beside(out: Path) -> Path:
    from splatworld import formats

    return out.with_name(out.name.removesuffix(f".{formats.suffix(out)}") + ".sky.jpg")


def _clean(world: "World", progress: "Progress") -> "World":
    from splatworld.decimate import cleaned

    return cleaned(world, progress=progress)


def _merged(target: int | None, ratio: float | None, world: "World", progress: "Progress") -> "World":
    from splatworld.decimate import decimated

    target = round((ratio or 1) * len(world)) if target is None else target
    return world if target >= len(world) else decimated(world, max(target, 1), progress=progress)


def _without_sky(picture: Path | None, world: "World", progress: "Progress") -> "World":
    from splatworld import files
    from splatworld.progress import Note
    from splatworld.publish.pictures import encoded, sky_picture
    from splatworld.world import parted

    sky, rest = parted(world, lambda thing: thing.kind == "sky")
    if not len(sky):
        progress(Note("this world has no thing that is its sky; all of its splats are kept"))
    elif picture is not None:
        with files.replacing(picture, force=True) as temporary:
            drawn = sky_picture(sky.splats().with_degree(0), world.start.eye)
            temporary.write_bytes(encoded(drawn, "JPEG", quality=90))
        progress(Note(f"{picture}: the sky all round, north (+Y) in the middle"))
    return rest


def _told(axes: dict[str, Any], out: Path) -> str:
    """Which axes and unit the file has, as far as it may be any."""
    from splatworld import formats
    from splatworld.formats.frames import MEANINGS

    if "frame" not in formats.options(out):
        return ""
    unit, habit = axes.get("unit", 1.0), formats.habitual_frame(out)
    frame = axes.get("frame") or habit
    stated = formats.suffix(out) in _RECORD_UNITS or (unit == 1 and frame == habit)
    note = "" if stated else f", which a .{formats.suffix(out)} cannot say: tell whoever reads it"
    return f"; axes {frame} ({MEANINGS[frame]}), 1 unit is {unit:g} m{note}"
