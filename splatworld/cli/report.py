"""`splatworld report`."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional


@dataclass(frozen=True)
class Report:
    """Measure the quality of a world: splats by class, holes, haze, floaters."""

    file: Positional[Path]
    """World to read."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Measure and print."""
        import msgspec

        from splatworld import formats, quality
        from splatworld.cli.bars import shown

        with shown() as progress:
            found = quality.report(formats.load(self.file, progress=progress), progress=progress)
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() if self.json else found)
