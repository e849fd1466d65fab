"""A world for other programs: its axes, its unit, fewer splats, and what is lost on the way.

You learn: files say their axes, unit and things where they can, merging keeps what is seen, and losses can be measured.
Run: python examples/07_files_for_others.py [output folder] [number of splats]
"""

import sys
from pathlib import Path

import splatworld
from splatworld import formats
from splatworld.compare import compare
from splatworld.decimate import decimated

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
splats = int(sys.argv[2]) if len(sys.argv) > 2 else 60_000

world = splatworld.generate("a white lighthouse on a beach, three boats", seed=3, splats=splats)

# An engine with +Y up that counts in centimetres; the file says so, and comes back as it was.
splatworld.save(world, out / "centimetres.ply", frame="rub", unit=0.01, force=True)
again = splatworld.load(out / "centimetres.ply")
print(f"boats: {sum(thing.kind == 'boat' for thing in again.things)}")

# A quarter of the splats, merged thing by thing, in the format of the web.
small = decimated(world, len(world) // 4)
splatworld.save(small, out / "small.sog", force=True)
found = compare(world, splatworld.load(out / "small.sog"))
print(f"{len(small):,} of {len(world):,} splats, PSNR {found.psnr:.1f} dB")

# Every format that can be written here, and what may be asked of it.
for name in formats.writable():
    print(f".{name}: {', '.join(sorted(formats.options(Path(f'x.{name}')))) or 'no options'}")
