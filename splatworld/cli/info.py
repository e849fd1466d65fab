"""`splatworld info`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyro.conf import Positional

from splatworld.errors import UsageError

if TYPE_CHECKING:
    from splatworld.world import Thing, World


@dataclass(frozen=True)
class Info:
    """Say what is in a world, or what this installation can do."""

    file: Positional[Path | None] = None
    """World to read."""
    json: bool = False
    """Print JSON."""
    system: bool = False
    """List renderers and file formats, with the reason where one cannot be used."""

    def run(self) -> None:
        """Print."""
        if self.system == (self.file is not None):
            raise UsageError("give a file or --system, one of the two")
        if self.file is None:
            found = _system()
            print(json.dumps(found, indent=2) if self.json else _system_text(found))
            return
        from splatworld import formats
        from splatworld.cli.bars import shown

        with shown() as progress:
            found = facts(formats.load(self.file, progress=progress))
        print(json.dumps(found, indent=2) if self.json else _text(found))


def facts(world: "World") -> dict[str, Any]:
    """All that is known about a world but its splats; positions and bounds in world metres."""
    import msgspec

    spec = world.spec
    return {
        "splats": len(world),
        "things": _things(world),
        "layers": [
            {"id": la.id, "name": la.name, "splats": len(la.splats), "visible": la.visible, "locked": la.locked}
            for la in world.layers
        ],
        "bounds": _bounds(world),
        "spec": msgspec.to_builtins(spec),
        "unknown": list(spec.unknown) if spec else [],
        "notes": list(spec.notes) if spec else [],
        "environment": msgspec.to_builtins(world.environment),
        "viewpoints": msgspec.to_builtins(world.viewpoints),
        "provenance": msgspec.to_builtins(world.provenance),
    }


def _things(world: "World") -> list[dict[str, Any]]:
    import torch

    counts: dict[int, int] = {}
    for layer in world.layers:
        if (owners := layer.splats.extras.get("thing")) is not None:
            for owner, count in zip(*(v.tolist() for v in torch.unique(owners, return_counts=True)), strict=True):
                counts[owner] = counts.get(owner, 0) + count
    return [_thing(thing, counts.get(thing.id, 0)) for thing in world.things]


def _thing(thing: "Thing", splats: int) -> dict[str, Any]:
    return {
        "id": thing.id,
        "name": thing.name,
        "class": thing.kind,
        "colour": thing.colour,
        "material": thing.material,
        "size": thing.size,
        "position": list(thing.position),
        "bounds": [list(corner) for corner in thing.world_bounds],
        "tags": list(thing.tags),
        "visible": thing.visible,
        "splats": splats,
    }


def _bounds(world: "World") -> list[list[float]] | None:
    means = world.splats().means
    return [means.amin(0).tolist(), means.amax(0).tolist()] if len(means) else None


def _text(found: dict[str, Any]) -> str:
    """A page to read: counts, things by class with where they stand, what was not understood."""
    lines = [f"{found['splats']:,} splats, {len(found['things']):,} things, {len(found['layers'])} layers"]
    if found["bounds"]:
        low, high = found["bounds"]
        lines.append(
            "bounds " + ", ".join(f"{axis} {a:.1f} to {b:.1f}" for axis, a, b in zip("xyz", low, high, strict=True))
        )
    if found["spec"] and found["spec"]["prompt"]:
        lines.append(f"prompt {found['spec']['prompt']}")
    classes: dict[str, list[dict[str, Any]]] = {}
    for thing in found["things"]:
        classes.setdefault(thing["class"], []).append(thing)
    for name, members in sorted(classes.items()):
        places = "  ".join("({:.1f}, {:.1f}, {:.1f})".format(*t["position"]) for t in members[:3])
        colours = sorted({t["colour"] for t in members if t["colour"]})
        more = "  ..." if len(members) > 3 else ""
        lines.append(f"  {len(members):4} {' '.join([*colours[:3], name]):24} {places}{more}")
    lines += [f"not understood: {', '.join(found['unknown'])}"] if found["unknown"] else []
    return "\n".join(lines + [f"note: {note}" for note in found["notes"]])


def _system() -> dict[str, dict[str, str | None]]:
    from splatworld import formats
    from splatworld.render import backends

    return {"renderers": backends(), "formats": formats.unavailable()}


def _system_text(found: dict[str, dict[str, str | None]]) -> str:
    lines = []
    for table, rows in found.items():
        lines.append(table)
        lines += [f"  {name:12} {'ready' if reason is None else reason}" for name, reason in rows.items()]
    return "\n".join(lines)
