"""What must hold for every world in a document, checked before one is written and after one was read."""

import torch

from splatworld import limits
from splatworld.geometry import Similarity
from splatworld.world import World

_ANY = (-limits.SPLAT_NUMBER_MAX, limits.SPLAT_NUMBER_MAX)
_BOUNDS = {
    "means": (-limits.POSITION_METRES_MAX, limits.POSITION_METRES_MAX),
    "quats": _ANY,
    "log_scales": (-limits.SPLAT_NUMBER_MAX, 2 * limits.LOG_SCALE_ABS_MAX),
    "logit_opacities": _ANY,
    "sh": _ANY,
}


def problem(world: World) -> str | None:
    """The first thing about a world that would trip those who use it, or None."""
    for check in (_thing_problem, _layer_problem, _surface_problem):
        if found := check(world):
            return found
    return None


def _thing_problem(world: World) -> str | None:
    for what, values in (("ids", [t.id for t in world.things]), ("names", [t.name for t in world.things])):
        if len(set(values)) < len(values):
            return f"two things have the same {what[:-1]}"
    for thing in world.things:
        if not 1 <= thing.id <= limits.THING_ID_MAX or not _can_place(thing.world_from_thing):
            return f"thing '{thing.name}' has an impossible id or place"
        if thing.surface is not None and thing.surface not in world.surfaces:
            return f"thing '{thing.name}' names the surface '{thing.surface}', which is not there"
    return None


def _layer_problem(world: World) -> str | None:
    if len({layer.id for layer in world.layers}) < len(world.layers):
        return "two layers have the same id"
    for layer in world.layers:
        if not _can_place(layer.world_from_layer):
            return f"layer '{layer.name}' has an impossible place"
        bounds = {"thing": (0, limits.THING_ID_MAX), "label": (-1, max(len(world.labels) - 1, 0))}
        for name, (low, high) in bounds.items():
            ids = layer.splats.extras.get(name)
            if ids is None or not len(ids):
                continue
            if ids.ndim != 1 or ids.is_floating_point() or int(ids.min()) < low or int(ids.max()) > high:
                return f"layer '{layer.name}' has splats with an impossible {name}"
        for name, (low, high) in _BOUNDS.items():
            values = getattr(layer.splats, name)
            if values.numel() and not low <= float(values.amin()) <= float(values.amax()) <= high:
                return f"layer '{layer.name}' has {name} that are no finite number or beyond all bounds"
    return None


def _can_place(transform: Similarity) -> bool:
    """True if what it places stays within numbers."""
    far = max(map(abs, (*transform.translation, *transform.rotation))) > limits.SPLAT_NUMBER_MAX
    return transform.is_sound and not far and limits.FILE_UNIT_MIN <= transform.scale <= limits.FILE_UNIT_MAX


def _surface_problem(world: World) -> str | None:
    for key, surface in world.surfaces.items():
        faces, vertices = torch.as_tensor(surface.faces), torch.as_tensor(surface.vertices)
        if len(faces) and (int(faces.min()) < 0 or int(faces.max()) >= len(vertices)):
            return f"surface '{key}' has faces with no such corner"
        if len(vertices) and not bool(vertices.isfinite().all()):
            return f"surface '{key}' has corners that are no finite number"
    return None
