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
    spz_version: Literal[3, 4] | None = None
    """Of a .spz that is written. Default: 3, which more programs open; 4 holds SH of degree 4 and names its axes."""
    sh_bits: int | None = None
    """For each SH coefficient of a .spz that is written, 1 to 8. Default: 5 in band 1, 4 beyond."""
    force: bool = False
    """Replace the target if it exists."""

    def run(self) -> None:
        """Read and write."""
        from splatworld import files, formats
        from splatworld.cli.bars import shown

        if os.path.realpath(self.source) == os.path.realpath(self.target):
            raise UsageError(f"{self.source} would be read and replaced at once; name another target")
        asked = {"spz_version": self.spz_version, "sh_bits": self.sh_bits}
        options = {name: value for name, value in asked.items() if value is not None}
        formats.check_suffix(self.target, **options)
        files.check_output(self.target, force=self.force)
        with shown() as progress:
            count = formats.convert(
                self.source, self.target, frame=self.frame, force=self.force, progress=progress, **options
            )
        print(f"{self.target}: {count:,} splats")
