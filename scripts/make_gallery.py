"""Pictures of worlds for docs/gallery: `scripts/make_gallery [NAME ...]`. The worlds themselves stay in out/gallery."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from splatworld.world import World

ROOT = Path(__file__).resolve().parent.parent
PICTURES, WORLDS = ROOT / "docs" / "gallery", ROOT / "out" / "gallery"
WIDTH, HEIGHT = 1280, 720
PICTURE_BYTES_MAX = 1_000_000


@dataclass(frozen=True)
class Entry:
    """One world of the gallery."""

    name: str
    sentence: str
    seed: int = 0
    splats: int = 500_000


ENTRIES = (
    Entry("red-cabin", "a red cabin by a lake in a pine forest at sunset, two boats"),
    Entry("snowy-village", "a snowy village at dusk with a church, five houses and lamps along the path", seed=2),
    Entry("desert-well", "a desert with tall cacti and rocks, a stone well and an old cart in the morning", seed=4),
    Entry("lighthouse-beach", "a sunny beach with palms, a pier, two sailboats and a lighthouse", seed=2),
    Entry("night-camp", "a tent and a campfire between birches on a meadow at night", seed=1),
)


def main() -> int:
    """Make the worlds that are named, or all, and the page that shows the pictures."""
    parser = argparse.ArgumentParser(prog="scripts/make_gallery", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(e.name for e in ENTRIES)}")
    asked = parser.parse_args().names or [entry.name for entry in ENTRIES]
    if unknown := set(asked) - {entry.name for entry in ENTRIES}:
        parser.error(f"there is no {', '.join(sorted(unknown))} in the gallery")
    for entry in ENTRIES:
        if entry.name in asked:
            _make(entry)
    (PICTURES / "README.md").write_text(_page())
    return 0


def _make(entry: Entry) -> None:
    import splatworld
    from splatworld.cli.bars import shown

    WORLDS.mkdir(parents=True, exist_ok=True)
    PICTURES.mkdir(parents=True, exist_ok=True)
    print(f"{entry.name}: {entry.sentence}", flush=True)
    with shown() as progress:
        world = splatworld.generate(entry.sentence, seed=entry.seed, splats=entry.splats, progress=progress)
        splatworld.save(world, WORLDS / f"{entry.name}.splatworld", force=True, progress=progress)
    size = _draw(world, PICTURES / f"{entry.name}.png")
    print(f"  {size / 1e6:.2f} MB", flush=True)
    if size > PICTURE_BYTES_MAX:
        print(f"  more than {PICTURE_BYTES_MAX / 1e6:g} MB", file=sys.stderr)


def _draw(world: "World", path: Path) -> int:
    """The start view, as small as PNG makes it without loss; the size of the file."""
    from PIL import Image

    import splatworld

    rgb = splatworld.render(world, world.start.camera(width=WIDTH, height=HEIGHT)).rgb[0]
    Image.fromarray((rgb.clamp(0, 1) * 255 + 0.5).byte().numpy()).save(path, optimize=True)
    return path.stat().st_size


def _page() -> str:
    lines = ["# Gallery", "", "First views of worlds made by `scripts/make_gallery`, which lists their seeds.", ""]
    for entry in ENTRIES:
        command = f'splatworld generate "{entry.sentence}" --seed {entry.seed} --splats {entry.splats}'
        lines += [
            f"## {entry.sentence}",
            "",
            f"![{entry.name}]({entry.name}.png)",
            "",
            f"    {command} -o world.splatworld",
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
