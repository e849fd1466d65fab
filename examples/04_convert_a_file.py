"""Convert a file: one world in every format, and back.

You learn: the suffix chooses the format, all of them keep what is seen, and .splatworld keeps everything else too.
Run: python examples/04_convert_a_file.py [output folder] [number of splats]
"""

import sys
from pathlib import Path

import splatworld


def main(folder: Path, splats: int) -> None:
    world = splatworld.generate("a campfire on a beach at night", seed=5, splats=splats)
    for suffix in ("splatworld", "ply", "splat", "spz"):
        path = folder / f"beach.{suffix}"
        splatworld.save(world, path, force=True)
        back = splatworld.load(path)
        off = float((back.splats().means - world.splats().means).abs().max()) if suffix == "ply" else None
        exact = f", positions within {off:.1e} m" if off is not None else ""
        print(
            f"{path.name:18}{path.stat().st_size:>10,} bytes{len(back):>10,} splats{len(back.things):>5} things{exact}"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
