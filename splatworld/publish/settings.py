"""What the viewer is told about a world: where to start, what to point out, along which path to fly.

The schema is that of `settings.json`, version 2, of PlayCanvas' SuperSplat Viewer. The viewer's axes are x left, y up,
z forward when one looks along our +Y: it turns files of splats by half a turn about z.
"""

import math
from collections.abc import Sequence
from typing import Any

from splatworld import limits
from splatworld.geometry import Vec3
from splatworld.publish.notes import Place
from splatworld.world import Viewpoint

_ASPECT = 16 / 9
_FOV_DEG = (10.0, 120.0)
_SECONDS_PER_VIEW = 6.0
_FRAME_RATE = 30
Json = dict[str, Any]


def settings(views: Sequence[Viewpoint], places: Sequence[Place], *, background: Vec3) -> Json:
    """The settings of a page that starts at the first of `views` and, given more, can fly along all of them.

    `background` is a display colour in 0 to 1: what shows where nothing is.
    """
    tour = len(views) > 1
    return {
        "version": 2,
        "tonemapping": "none",
        "highPrecisionRendering": False,
        "background": {"color": [round(c, 4) for c in background]},
        "postEffectSettings": _no_effects(),
        "animTracks": [_path(views)] if tour else [],
        "cameras": [{"initial": _pose(views[0])}],
        "annotations": [_annotation(place) for place in places[: limits.PUBLISH_NOTES_MAX]],
        "startMode": "animTrack" if tour else "default",
    }


def page_fov_deg(view: Viewpoint) -> float:
    """The one angle that the viewer knows: across in a wide window, up and down in a tall one.

    Our views name the vertical angle; taken across at 16:9 it is as wide as they mean it on a desktop, and a phone held
    upright sees more above and below instead of a keyhole.
    """
    across = 2 * math.degrees(math.atan(math.tan(math.radians(view.fov_deg) / 2) * _ASPECT))
    return round(min(max(across, _FOV_DEG[0]), _FOV_DEG[1]), 2)


def _place(point: Vec3) -> list[float]:
    x, y, z = point
    return [round(-x, 4), round(z, 4), round(y, 4)]


def _pose(view: Viewpoint) -> Json:
    return {"position": _place(view.eye), "target": _place(view.target), "fov": page_fov_deg(view)}


def _annotation(place: Place) -> Json:
    return {
        "position": _place(place.position),
        "title": place.title[: limits.PUBLISH_TITLE_CHARS],
        "text": place.text[: limits.PUBLISH_TEXT_CHARS],
        "camera": {"initial": _pose(place.view)},
    }


def _path(views: Sequence[Viewpoint]) -> Json:
    """Through all views and back to the first, smoothly; there and back again where there are only two."""
    poses = [_pose(view) for view in views]
    closed = len(views) > 2
    return {
        "name": "path",
        "duration": _SECONDS_PER_VIEW * (len(views) if closed else 1),
        "frameRate": _FRAME_RATE,
        "loopMode": "repeat" if closed else "pingpong",
        "interpolation": "spline",
        "smoothness": 1,
        "keyframes": {
            "times": [round(_SECONDS_PER_VIEW * _FRAME_RATE * i) for i in range(len(views))],
            "values": {
                "position": [v for pose in poses for v in pose["position"]],
                "target": [v for pose in poses for v in pose["target"]],
                "fov": [pose["fov"] for pose in poses],
            },
        },
    }


def _no_effects() -> Json:
    return {
        "sharpness": {"enabled": False, "amount": 0},
        "bloom": {"enabled": False, "intensity": 0.1, "blurLevel": 2},
        "grading": {"enabled": False, "brightness": 1, "contrast": 1, "saturation": 1, "tint": [1, 1, 1]},
        "vignette": {"enabled": False, "intensity": 0.5, "inner": 0.3, "outer": 0.75, "curvature": 1},
        "fringing": {"enabled": False, "intensity": 0.5},
    }
