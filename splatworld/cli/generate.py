"""`splatworld generate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from splatworld import limits
from splatworld.errors import UsageError

if TYPE_CHECKING:
    from splatworld.scene_spec import SceneSpec


@dataclass(frozen=True)
class Generate:
    """Make a world from a sentence, or from an edited spec, and save it."""

    out: Annotated[Path, arg(aliases=("-o",))]
    """File to write; its suffix names the format: .splatworld keeps everything, .ply, .splat and .spz the splats."""
    prompt: Positional[str] = ""
    """What should be there: "a red cabin by a lake in a pine forest at sunset, two boats"."""
    seed: int | None = None
    """Same sentence and seed give the same world. Default: that of the spec, or 0."""
    splats: int = 500_000
    """How many splats the world may have."""
    quality: Literal["draft"] = "draft"
    """How much work to put in."""
    spec: Path | None = None
    """Build from this spec, as `splatworld spec` prints it, and not from a sentence."""
    force: bool = False
    """Replace the file if it exists."""

    def run(self) -> None:
        """Check everything that can be checked early, build, save, say what was built."""
        self._check()
        from splatworld import files, formats
        from splatworld.cli.bars import shown

        formats.check_suffix(self.out)
        files.check_output(self.out, force=self.force)
        wish = self.prompt if self.spec is None else _spec(self.spec)
        seed = self.seed if self.seed is not None else getattr(wish, "seed", 0)
        with shown() as progress:
            from splatworld.generate import generate

            world = generate(wish, seed=seed, splats=self.splats, progress=progress)
            formats.save(world, self.out, force=self.force, progress=progress)
        print(f"{self.out}: {len(world):,} splats, {len(world.things):,} things")
        if world.spec is not None and world.spec.unknown:
            print(f"not understood: {', '.join(world.spec.unknown)}")

    def _check(self) -> None:
        if bool(self.prompt) == (self.spec is not None):
            raise UsageError("give a sentence or --spec FILE, one of the two")
        if self.seed is not None and not 0 <= self.seed <= limits.SEED_MAX:
            raise UsageError(f"--seed must be 0 to {limits.SEED_MAX}; {self.seed} is not")
        if not limits.SPLATS_MIN <= self.splats <= limits.SPLATS_MAX:
            raise UsageError(f"--splats must be {limits.SPLATS_MIN:,} to {limits.SPLATS_MAX:,}; {self.splats:,} is not")


def _spec(path: Path) -> "SceneSpec":
    from splatworld import files, scene_spec

    size = files.check_input(path)
    if size > limits.SPEC_FILE_BYTES:
        raise UsageError(f"{path} has {size:,} bytes; a spec has at most {limits.SPEC_FILE_BYTES:,}")
    return scene_spec.decode(path.read_bytes())
