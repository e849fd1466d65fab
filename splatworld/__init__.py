"""Splatworld: words in, a structured 3D Gaussian splat world out.

The public names, loaded when first used so that `import splatworld` stays quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from splatworld.camera import Camera as Camera
    from splatworld.compare import compare as compare
    from splatworld.edits import apply as apply
    from splatworld.formats import load as load
    from splatworld.formats import save as save
    from splatworld.generate import generate as generate
    from splatworld.light import relight as relight
    from splatworld.render import Rendering as Rendering
    from splatworld.render import RenderSettings as RenderSettings
    from splatworld.render import render as render
    from splatworld.render.rasterization import rasterization as rasterization
    from splatworld.scene_spec import SceneSpec as SceneSpec
    from splatworld.splats import Splats as Splats
    from splatworld.world import Environment as Environment
    from splatworld.world import Layer as Layer
    from splatworld.world import Thing as Thing
    from splatworld.world import Viewpoint as Viewpoint
    from splatworld.world import World as World

_HOMES = {
    "Camera": "splatworld.camera",
    "Environment": "splatworld.world",
    "Layer": "splatworld.world",
    "RenderSettings": "splatworld.render",
    "Rendering": "splatworld.render",
    "SceneSpec": "splatworld.scene_spec",
    "Splats": "splatworld.splats",
    "Thing": "splatworld.world",
    "Viewpoint": "splatworld.world",
    "World": "splatworld.world",
    "apply": "splatworld.edits",
    "load": "splatworld.formats",
    "rasterization": "splatworld.render.rasterization",
    "relight": "splatworld.light",
    "save": "splatworld.formats",
}
"""Where each public name lives."""

_CALLABLE = frozenset({"compare", "generate", "render"})
"""Subpackages that are called like the function they are named after: `splatworld.render(world, cameras)`."""

__all__ = [
    "Camera",
    "Environment",
    "Layer",
    "RenderSettings",
    "Rendering",
    "SceneSpec",
    "Splats",
    "Thing",
    "Viewpoint",
    "World",
    "__version__",
    "apply",
    "compare",
    "generate",
    "load",
    "rasterization",
    "relight",
    "render",
    "save",
]


def __getattr__(name: str) -> Any:
    if name in _CALLABLE:
        return importlib.import_module(f"splatworld.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'splatworld' has no attribute '{name}'")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
