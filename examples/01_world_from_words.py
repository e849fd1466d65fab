"""A world from words: one sentence in, one file out.

You learn: what the words were understood as, that the seed makes the world repeatable, and where it is kept.
Run: python examples/01_world_from_words.py [output folder] [number of splats]
"""

import sys
from pathlib import Path

import splatworld
from splatworld.progress import Event, Stage

SENTENCE = "a red cabin by a lake at sunset, two boats, and a zeppelin"


def main(folder: Path, splats: int) -> None:
    def progress(event: Event) -> None:
        if isinstance(event, Stage):
            print(f"{event.index}/{event.total} {event.name}")

    world = splatworld.generate(SENTENCE, seed=7, splats=splats, progress=progress)
    assert world.spec is not None
    for item in world.spec.items:
        print(f"understood: {item.count} {item.colour or ''} {item.thing}")
    print(f"not understood: {', '.join(world.spec.unknown)}")
    splatworld.save(world, folder / "cabin.splatworld", force=True)
    print(f"{len(world):,} splats in cabin.splatworld")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
