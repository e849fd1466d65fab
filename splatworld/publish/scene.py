"""What a page shows, written into its folder: splats, sky, collider, poster, settings; and what it says about them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

import splatworld
from splatworld import formats
from splatworld.errors import UsageError
from splatworld.geometry import Similarity, Vec3
from splatworld.progress import Note, Progress, Stage, Warning
from splatworld.publish import pictures
from splatworld.publish.html import VIEWER_CODE, VIEWER_LICENCE, Page
from splatworld.publish.notes import Kind, Place, noted
from splatworld.publish.settings import settings
from splatworld.publish.viewer import PACKAGE
from splatworld.scene_spec import clean_text
from splatworld.splats import Splats
from splatworld.world import EYE_HEIGHT, Surface, World, from_splats, parted

BUDGETS = {"headset": 500_000, "phone": 1_000_000}
"""Splats that a device draws fluently at once: a Quest 3 in its browser, recent phones. The viewer knows desktops."""
STREAMED_ABOVE = 500_000
"""Splats: larger worlds come in levels of detail, of which a device loads what it sees and can draw."""
STREAMED = "world/lod-meta.json"
SCENE, SKY, COLLIDER, POSTER, SETTINGS = "world.sog", "sky.jpg", "collider.glb", "poster.jpg", "settings.json"
STAGES = 4
_COLLIDER_TRIANGLES = 60_000
"""A megabyte, which a phone sorts into its tree in a moment."""
_ROOM_METRES = 5.0
"""The viewer offers walking in worlds that are as wide both ways."""
_WALKER_EYE = 1.5
"""Metres over the ground, of the viewer's walker."""
_SKY_GAMMA = 2.2 / 2
"""The viewer squares what it reads of a sky and shows it with a gamma of 2.2."""
_EMPTY: Vec3 = (0.09, 0.1, 0.12)
"""Behind worlds that bring no sky."""
_FACING = Similarity(rotation=(0.0, 0.0, 0.0, 1.0))
"""The viewer looks at glTF from the other side than at splats: half a turn about up."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked of a page."""

    title: str
    notes: Kind | None = None
    most: int | None = None
    """Splats."""
    streamed: bool = True
    """Whether large worlds may be spread over many files."""


@dataclass(frozen=True, slots=True)
class Made:
    """A page and the files that were written for it."""

    page: Page
    names: list[str]
    about: dict[str, Any]
    splats: int
    missing: tuple[str, ...]


def made(world: World, folder: Path, wishes: Wishes, viewer: str, progress: Progress) -> Made:
    """Write all that is made of the world into `folder`; `viewer` is the version of the viewer."""
    progress(Stage("pictures", 2, STAGES))
    world = replace(world, viewpoints=world.viewpoints or (world.start,))
    sky, rest = parted(world, lambda thing: thing.kind == "sky")
    background = _sky(sky.splats().with_degree(0), world.start.eye, folder)
    (folder / POSTER).write_bytes(pictures.poster(world.splats(), world.start, background or _EMPTY))
    progress(Stage("collider", 3, STAGES))
    walled = _collider(world, folder, progress)
    places = noted(world, wishes.notes)
    told = settings(world.viewpoints, places, background=background or _EMPTY)
    (folder / SETTINGS).write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=2))
    progress(Stage("splats", 4, STAGES))
    scene, names = _splats(rest, folder, wishes, progress)
    parts: dict[str, Any] = {"viewer": VIEWER_CODE, "settings": SETTINGS, "poster": POSTER, "scene": scene}
    parts |= (
        {"budgets": BUDGETS, "eye": EYE_HEIGHT, "walker": _WALKER_EYE}
        | ({"sky": SKY} if background else {})
        | ({"collider": COLLIDER} if walled else {})
    )
    names = [*names, POSTER, SETTINGS, *(SKY for _ in [0] if background), *(COLLIDER for _ in [0] if walled)]
    page = Page(
        wishes.title, _description(world, wishes), _credits(world, scene["splats"], viewer), background or _EMPTY, parts
    )
    return Made(page, names, _about(world, page, viewer), scene["splats"], _missing(world, walled, places))


def _sky(sky: Splats, eye: Vec3, folder: Path) -> Vec3 | None:
    """Write the sky as a picture; its colour at the horizon, or None if there is no sky."""
    if not len(sky):
        return None
    picture = pictures.sky_picture(sky, eye, width=pictures.SKY_PX)
    steeper = np.rint(255 * (np.arange(256) / 255) ** _SKY_GAMMA).astype(np.uint8)
    (folder / SKY).write_bytes(pictures.encoded(steeper[picture], "JPEG", quality=92, subsampling=0, optimize=True))
    red, green, blue = (picture[len(picture) // 2].mean(0) / 255).tolist()
    return red, green, blue


def _collider(world: World, folder: Path, progress: Progress) -> bool:
    """Write what walkers bump into; False if nothing is solid, or the viewer would not let anybody walk."""
    from splatworld.formats import gltf
    from splatworld.mesh import collider

    if not world.surfaces and not _roomy(world):
        return False
    try:
        surface = collider(world, triangles=_COLLIDER_TRIANGLES, progress=progress)
    except UsageError:
        return False
    if not _carries(surface, world.start.eye):
        progress(Warning("no ground was found below the start, so the page offers no walking"))
        return False
    gltf.write_meshes(folder / COLLIDER, [gltf.Mesh("collider", _FACING.apply(surface.vertices), surface.faces)])
    return True


def _carries(surface: Surface, eye: Vec3) -> bool:
    """Whether a triangle lies below `eye`: visitors would else fall for ever."""
    corners = surface.vertices[surface.faces].astype(np.float64) - eye
    (a, b, c), z = np.moveaxis(corners[..., :2], 1, 0), corners[..., 2]
    # The share of each corner in the point of the triangle that lies on the eye's vertical.
    shares = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], 1)
    whole = shares.sum(1)
    inside = ((shares >= 0).all(1) | (shares <= 0).all(1)) & (np.abs(whole) > 1e-12)
    height = (shares[inside] * z[inside]).sum(1) / whole[inside]
    return bool((height < 0).any())


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _roomy(world: World) -> bool:
    means = world.splats().means[:, :2]
    return bool((means.amax(0) - means.amin(0) >= _ROOM_METRES).all())


def _splats(world: World, folder: Path, wishes: Wishes, progress: Progress) -> tuple[dict[str, Any], list[str]]:
    """Write the splats: what the script of the page needs to know, and the names of their files.

    Names of things and labels stay behind: the viewer does not use them.
    """
    whole = replace(from_splats(world.splats()), viewpoints=world.viewpoints)
    if wishes.most is not None and wishes.most < len(whole):
        from splatworld.decimate import decimated

        progress(Note(f"{len(whole):,} splats are merged into {wishes.most:,}"))
        whole = decimated(whole, wishes.most, progress=progress)
    streamed = wishes.streamed and len(whole) > STREAMED_ABOVE
    if not streamed:
        formats.save(replace(whole.splats(), extras={}), folder / SCENE, progress=progress)
        return {"file": SCENE, "splats": len(whole)}, [SCENE]
    formats.save(whole, folder / STREAMED, progress=progress)
    parts = sorted(
        path.relative_to(folder).as_posix() for path in (folder / STREAMED).parent.rglob("*") if path.is_file()
    )
    return {"file": STREAMED, "splats": len(whole), "streamed": True}, parts


def _description(world: World, wishes: Wishes) -> str:
    said = world.spec.prompt if world.spec is not None else ""
    return clean_text(said) or wishes.title


def _credits(world: World, splats: int, viewer: str) -> tuple[str, ...]:
    made_by = world.provenance
    origin = f", {made_by.generator} {made_by.version}, seed {made_by.seed}" if made_by.generator else ""
    return (
        f"{splats:,} splats{origin}.",
        f"Drawn by SuperSplat Viewer {viewer}, © PlayCanvas Ltd., MIT licence.",
        f"Made with Splatworld {splatworld.__version__}.",
    )


def _about(world: World, page: Page, viewer: str) -> dict[str, Any]:
    return {
        "title": page.title,
        "generator": page.credits[-1],
        "viewer": {"package": PACKAGE, "version": viewer, "licence": VIEWER_LICENCE},
        "scene": page.parts["scene"],
        "spec": world.spec,
        "provenance": world.provenance,
        "environment": world.environment,
    }


def _missing(world: World, walled: bool, places: tuple[Place, ...]) -> tuple[str, ...]:
    found = {
        f"walking: nothing in this world is solid, or it is narrower than {_ROOM_METRES:.0f} m": not walled,
        "a sky: what lies behind the world is one colour": not any(t.kind == "sky" for t in world.things),
        "marks: it names no views and no things to point out": not places,
        "a path for the camera: it has one view only, about which the camera sways": len(world.viewpoints) < 2,
    }
    return tuple(sentence for sentence, lacks in found.items() if lacks)
