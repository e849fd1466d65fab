"""Edit a world: move, repaint and delete things, and change the hour.

You learn: edits are values, `apply` gives a new world and leaves the old one alone, and light can be computed anew.
Run: python examples/03_edit_a_world.py [output folder] [number of splats]
"""

import sys
from pathlib import Path

import msgspec

import splatworld
from splatworld import edits
from splatworld.geometry import Similarity


def main(folder: Path, splats: int) -> None:
    world = splatworld.generate("a white cabin in a meadow, a blue bench by the cabin, two oaks", seed=4, splats=splats)
    cabin, bench = world.thing("cabin 1"), world.thing("bench 1")
    oaks = [t.id for t in world.things if t.kind == "broadleaf"][:2]

    changed = splatworld.apply(edits.Move((bench.id,), Similarity(translation=(1.5, 0.0, 0.0))), world)
    changed = splatworld.apply(edits.Recolour((cabin.id,), "red"), changed)
    changed = splatworld.apply(edits.Delete(tuple(oaks)), changed)
    evening = msgspec.structs.replace(changed.environment, sun_elevation_deg=4.0, sun_azimuth_deg=-80.0)
    changed = splatworld.relight(splatworld.apply(edits.SetEnvironment(evening), changed))

    print(f"bench: {bench.position[0]:.1f} m east, now {changed.thing('bench 1').position[0]:.1f} m")
    print(f"cabin: {cabin.colour}, now {changed.thing('cabin 1').colour}")
    print(f"things: {len(world.things)}, now {len(changed.things)}")
    splatworld.save(changed, folder / "edited.splatworld", force=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
