"""`splatworld convert`."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from splatworld.errors import UsageError


@dataclass(frozen=True)
class Convert:
    """Write a world in another format; the suffixes name the formats."""

    source: Positional[Path]
    """File to read."""
    target: Positional[Path]
    """File to write."""
    frame: Literal["rdf", "rub", "rfu"] | None = None
    """Axes of the source, where x, y and z point: rdf is right, down, forward; f is forward, b is back, u is up.
    Default: those usual for its format. Try rdf for a .spz that stands on its head."""
    force: bool = False
    """Replace the target if it exists."""

    def run(self) -> None:
        """Load and save."""
        from splatworld import files, formats
        from splatworld.cli.bars import shown

        if os.path.realpath(self.source) == os.path.realpath(self.target):
            raise UsageError(f"{self.source} would be read and replaced at once; name another target")
        formats.check_suffix(self.target)
        files.check_output(self.target, force=self.force)
        with shown() as progress:
            world = formats.load(self.source, frame=self.frame, progress=progress)
            formats.save(world, self.target, force=self.force, progress=progress)
        print(f"{self.target}: {len(world):,} splats")
