"""What stands where: ask a world about its things.

You learn: a world is made of things with a class, a place, a size and a colour, so questions about it need no pictures.
Run: python examples/05_what_stands_where.py [output folder] [number of splats]
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np

import splatworld


def main(folder: Path, splats: int) -> None:
    world = splatworld.generate("a village of three white houses by a river, a red boat", seed=2, splats=splats)
    for kind, number in Counter(thing.kind for thing in world.things).most_common():
        print(f"{number:4} {kind}")
    eye = np.asarray(world.start.eye)
    rows = ["name,colour,east,north,up,metres from the start,height"]
    for thing in world.things:
        if not {"building", "vehicle"} & set(thing.tags):
            continue
        lo, hi = thing.world_bounds
        x, y, z = thing.position
        away = np.hypot(x - eye[0], y - eye[1])
        rows.append(f"{thing.name},{thing.colour},{x:.1f},{y:.1f},{z:.1f},{away:.1f},{hi[2] - lo[2]:.1f}")
    (folder / "things.csv").write_text("\n".join(rows) + "\n")
    print(*rows, sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
