"""`.sog` of PlayCanvas: 13 bytes a splat, 18 with SH if they are many; what web viewers stream.

A zip archive, or a folder, of meta.json and lossless WebP pictures, one pixel a splat. Versions 1 and 2 are read, as
archive or by the path of their meta.json; 2 is written, as archive. Streamed SOG is read (`sog_lod`) and written
(`sog_lod_write`) by the path of its lod-meta.json. Specification:
developer.playcanvas.com, formats/sog. It says y points up, but files have the axes of the `.ply` they came from.

Positions have 16 bits an axis on a logarithmic scale; rotations three components in 8 bits; opacities 8 bits. ln scales
and base colours are entries of codebooks of 256; the SH above of a splat are one entry of a palette of at most 65,536,
whose numbers are entries of a third codebook. Lost are SH of degree 4, things and labels.
"""

from pathlib import Path

from splatworld.formats import sog_lod, sog_lod_write, sog_members, sog_read, sog_write, streams
from splatworld.formats.frames import Frame
from splatworld.formats.sog_read import FRAME
from splatworld.progress import Progress
from splatworld.world import World

KEEPS_THINGS = True

__all__ = ["FRAME", "read", "recognises", "write"]


def recognises(head: bytes) -> bool:
    """True for a zip whose first member is one of a SOG, and for the meta.json or lod-meta.json of a folder."""
    if head.startswith(b"PK\x03\x04"):
        name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
        return name == b"meta.json" or name.endswith(b".webp")
    return sog_lod.recognises(head) or (head.lstrip().startswith(b"{") and b'"means"' in head)


def read(path: Path, *, frame: Frame | None, progress: Progress) -> World:
    """The splats of a SOG of version 1 or 2, in the `rdf` frame unless told otherwise. Raises `FormatError`."""
    if path.name == sog_lod.META:
        return sog_lod.read(path, frame=frame, progress=progress)
    named = path.resolve().parent if path.name == sog_members.META else path
    with sog_read.opened(path, frame=frame, progress=progress) as source:
        return streams.read(source, named, progress)


def write(world: World, path: Path, *, progress: Progress, frame: Frame = FRAME, unit: float = 1.0) -> None:
    """All visible splats, as an archive of version 2 or, if `path` is a lod-meta.json, as streamed SOG beside it.

    Raises `OutputError` for values that are no number.
    """
    into = sog_lod_write if path.name == sog_lod.META else sog_write
    into.write(world, path, progress=progress, frame=frame, unit=unit)
