"""The shell of a room: floor, walls, ceiling and roof, windows that let light in, a closed door."""

import numpy as np

from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.room_plan import WALL_THICKNESS, WALLS, Opening, RoomPlan, Wall
from splatworld.generate.procedural.shape import Shape, join, mesh, quad
from splatworld.generate.procedural.things.joinery import BRASS, OAK, PINE, WALNUT, board, hull, toned, turned, wood
from splatworld.generate.procedural.things.storage import panelled_door
from splatworld.palette import Rgb
from splatworld.scene_spec import SceneSpec

_PLASTER: tuple[Rgb, ...] = (
    (0.66, 0.60, 0.49),
    (0.44, 0.48, 0.38),
    (0.60, 0.50, 0.40),
    (0.42, 0.47, 0.50),
    (0.62, 0.46, 0.36),
)
_RENDER = Material("render", (0.06, 0.05, 0.04), scale=1.2, contrast=0.12)
_PAINT = Material("painted wood", (0.70, 0.67, 0.60), scale=0.5, contrast=0.06, gloss=0.15)


def room_shell(plan: RoomPlan, spec: SceneSpec, rng: np.random.Generator) -> dict[str, Shape]:
    """Class name to shape, world frame: floor, wall, ceiling, window and door."""
    plaster = Material("plaster", _PLASTER[int(rng.integers(len(_PLASTER)))], scale=0.8, contrast=0.08)
    timber = wood((PINE, OAK, WALNUT)[int(rng.integers(3))])
    panelled = bool(rng.random() < 0.45)
    walls = [_on_wall(_wall(plan, wall, plaster, timber if panelled else None), plan, wall) for wall in WALLS]
    windows = [_on_wall(_window(w), plan, w.wall) for w in plan.windows]
    return {
        "floor": _floor(plan, spec, rng),
        "wall": join(walls),
        "ceiling": _ceiling(plan, timber),
        "window": join(windows),
        "door": _on_wall(_door(plan.door, timber), plan, plan.door.wall),
    }


def _on_wall(shape: Shape, plan: RoomPlan, wall: Wall) -> Shape:
    x, y, yaw, _ = plan.wall_frame(wall)
    return shape.at(x, y, yaw=yaw)


def _openings(plan: RoomPlan, wall: Wall) -> list[Opening]:
    return [o for o in (*plan.windows, plan.door) if o.wall == wall]


def _wall(plan: RoomPlan, wall: Wall, plaster: Material, panels: Material | None) -> Shape:
    """One wall in its frame: inner face on y = 0 towards -Y, with skirting and, if asked, wooden panels below."""
    length = plan.wall_frame(wall)[3]
    holes = _openings(plan, wall)
    parts = [_pierced(length, plan.height, holes, plaster)]
    for lo, hi in _free_runs(length, [o for o in holes if o.sill < 0.3], 0.1):
        middle = (lo + hi) / 2
        parts += [
            board((hi - lo, 0.02, 0.13), _PAINT if panels is None else panels, (middle, -0.01, 0.065), bevel=0.006)
        ]
        if panels is not None:
            parts += _wainscot(lo, hi, panels)
    return join(parts)


def _wainscot(lo: float, hi: float, panels: Material) -> list[Shape]:
    """Upright boards 0.85 m high under a rail."""
    count = max(1, round((hi - lo) / 0.16))
    step = (hi - lo) / count
    rail = board((hi - lo, 0.035, 0.05), panels, ((lo + hi) / 2, -0.0175, 0.865), bevel=0.01)
    tones = [toned(panels, t) for t in (0.9, 1.0, 1.08)]
    return [rail] + [
        board((step - 0.008, 0.014, 0.72), tones[(n * 7) % 3], (lo + (n + 0.5) * step, -0.007, 0.485))
        for n in range(count)
    ]


def _free_runs(length: float, holes: list[Opening], margin: float) -> list[tuple[float, float]]:
    """Stretches of a wall between its openings."""
    edges = [-length / 2]
    for hole in sorted(holes, key=lambda o: o.centre):
        edges += [hole.centre - hole.width / 2 - margin, hole.centre + hole.width / 2 + margin]
    edges.append(length / 2)
    return [(lo, hi) for lo, hi in zip(edges[::2], edges[1::2], strict=True) if hi - lo > 0.05]


def _pierced(length: float, height: float, holes: list[Opening], plaster: Material) -> Shape:
    """A thick wall with rectangular holes, mitred at its ends so that four of them close a room."""
    x = np.unique(np.round([-length / 2, length / 2] + [o.centre + s * o.width / 2 for o in holes for s in (-1, 1)], 6))
    z = np.unique(np.round([0.0, height] + [o.sill for o in holes] + [o.sill + o.height for o in holes], 6))
    solid = np.ones((len(x) - 1, len(z) - 1), bool)
    for o in holes:
        inside_x = np.abs((x[:-1] + x[1:]) / 2 - o.centre) < o.width / 2
        inside_z = np.abs((z[:-1] + z[1:]) / 2 - o.sill - o.height / 2) < o.height / 2
        solid &= ~(inside_x[:, None] & inside_z[None, :])
    back = x + WALL_THICKNESS * np.sign(x) * np.isin(x, x[[0, -1]])
    inner, outer, rim = [], [], []
    for i, k in np.argwhere(solid).tolist():
        a, b, lo, hi = float(x[i]), float(x[i + 1]), float(z[k]), float(z[k + 1])
        inner.append([(a, 0, lo), (b, 0, lo), (b, 0, hi), (a, 0, hi)])
        outer.append(
            [
                (back[i + 1], WALL_THICKNESS, lo),
                (back[i], WALL_THICKNESS, lo),
                (back[i], WALL_THICKNESS, hi),
                (back[i + 1], WALL_THICKNESS, hi),
            ]
        )
        rim += _reveals(solid, i, k, (a, b, lo, hi))
    parts = [_quads(inner, plaster), _quads(outer, _RENDER)]
    return join(parts + ([_quads(rim, _PAINT)] if rim else []))


def _reveals(
    solid: np.ndarray, i: int, k: int, cell: tuple[float, float, float, float]
) -> list[list[tuple[float, float, float]]]:
    """The faces of a wall cell towards holes beside it."""
    a, b, lo, hi = cell
    t = WALL_THICKNESS
    sides = {
        (1, 0): [(b, 0, lo), (b, t, lo), (b, t, hi), (b, 0, hi)],
        (-1, 0): [(a, t, lo), (a, 0, lo), (a, 0, hi), (a, t, hi)],
        (0, 1): [(a, 0, hi), (b, 0, hi), (b, t, hi), (a, t, hi)],
        (0, -1): [(a, t, lo), (b, t, lo), (b, 0, lo), (a, 0, lo)],
    }
    found = []
    for (di, dk), corners in sides.items():
        u, v = i + di, k + dk
        if 0 <= u < solid.shape[0] and 0 <= v < solid.shape[1] and not solid[u, v]:
            found.append(corners)
    return found


def _quads(corners: list[list[tuple[float, float, float]]], material: Material) -> Shape:
    base = 4 * np.arange(len(corners))[:, None]
    return mesh(np.array(corners), (base[..., None] + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3), material)


def _window(o: Opening) -> Shape:
    """Frame, cross bars and a sill, without glass so that light comes in."""
    x0, z0, t = o.centre, o.sill, 0.12
    parts = [
        board((0.055, 0.07, o.height), _PAINT, (x0 + s * (o.width / 2 - 0.0275), t, z0 + o.height / 2)) for s in (-1, 1)
    ]
    parts += [
        board((o.width - 0.11, 0.07, 0.055), _PAINT, (x0, t, z0 + o.height / 2 + s * (o.height / 2 - 0.0275)))
        for s in (-1, 1)
    ]
    parts += [board((0.05, 0.06, o.height - 0.11), _PAINT, (x0, t, z0 + o.height / 2))]
    parts += [board((o.width - 0.11, 0.04, 0.028), _PAINT, (x0, t, z0 + o.height * k)) for k in (0.36, 0.68)]
    parts += [board((o.width + 0.16, 0.2, 0.035), _PAINT, (x0, 0.0, z0 + 0.006), bevel=0.01)]
    parts += [
        board(
            (0.08, 0.025, o.height + 0.08),
            _PAINT,
            (x0 + s * (o.width / 2 + 0.04), -0.0125, z0 + o.height / 2 + 0.06),
            bevel=0.008,
        )
        for s in (-1, 1)
    ]
    return join([*parts, board((o.width + 0.24, 0.035, 0.1), _PAINT, (x0, -0.0175, z0 + o.height + 0.14), bevel=0.01)])


def _door(o: Opening, timber: Material) -> Shape:
    """A closed panelled door, its frame and brass knobs."""
    leaf = panelled_door(o.width - 0.08, o.height - 0.06, timber, 3)
    parts = [leaf.at(o.centre, 0.06, 0.01), leaf.at(o.centre, 0.06, 0.01, yaw=np.pi)]
    for s in (-1, 1):
        parts += [board((0.04, 0.18, o.height), _PAINT, (o.centre + s * (o.width / 2 - 0.02), 0.09, o.height / 2))]
        parts += [
            board(
                (0.1, 0.03, o.height + 0.1),
                _PAINT,
                (o.centre + s * (o.width / 2 + 0.05), -0.015, (o.height + 0.1) / 2),
                bevel=0.008,
            )
        ]
        knob = turned(
            [(0.03, 0), (0.03, 0.006), (0.011, 0.01), (0.011, 0.035), (0.028, 0.045), (0.024, 0.065)], BRASS, sides=10
        )
        turn = knob.mapped(lambda v, k=s: v[:, [0, 2, 1]] * np.array([k, k, 1], np.float32))
        parts += [turn.at(o.centre - o.width / 2 + 0.12, 0.06 + s * 0.018, 1.02)]
    lintel = board((o.width - 0.08, 0.18, 0.04), _PAINT, (o.centre, 0.09, o.height - 0.02))
    return join([*parts, lintel, board((o.width, 0.03, 0.1), _PAINT, (o.centre, -0.015, o.height + 0.05), bevel=0.008)])


def _floor(plan: RoomPlan, spec: SceneSpec, rng: np.random.Generator) -> Shape:
    """A slab whose top is z = 0: boards, flagstones or carpet."""
    boards = wood((OAK, PINE, WALNUT)[int(rng.integers(3))])
    planks = Material("wood", boards.colour, "planks", 0.15, 0.2, boards.second, stretch=2.5, gloss=0.18)
    flags = Material("stone", (0.34, 0.31, 0.27), "stones", 0.5, 0.22, (0.16, 0.15, 0.13))
    carpet = Material("cloth", (0.36, 0.31, 0.26), scale=0.3, contrast=0.12)
    top = {"stone": flags, "rock": flags, "gravel": flags, "carpet": carpet}.get(spec.ground, planks)
    t = WALL_THICKNESS
    w, d = plan.width / 2 + t, plan.depth / 2 + t
    upper = quad((-w, -d, 0), (w, -d, 0), (w, d, 0), (-w, d, 0), top).with_grain((0, 1, 0))
    lower = quad((-w, d, -0.2), (w, d, -0.2), (w, -d, -0.2), (-w, -d, -0.2), _RENDER)
    ring = [(-w, -d), (w, -d), (w, d), (-w, d)]
    sides = [
        quad((*a, -0.2), (*b, -0.2), (*b, 0.0), (*a, 0.0), _RENDER)
        for a, b in zip(ring, ring[1:] + ring[:1], strict=True)
    ]
    return join([upper, lower, *sides])


def _ceiling(plan: RoomPlan, timber: Material) -> Shape:
    """White boards between beams inside; a shingled roof outside."""
    w, d, h, over = plan.width / 2 + WALL_THICKNESS, plan.depth / 2 + WALL_THICKNESS, plan.height, 0.3
    white = Material("plaster", (0.70, 0.68, 0.62), scale=0.9, contrast=0.06)
    under = quad((-w, d, h), (w, d, h), (w, -d, h), (-w, -d, h), white)
    rise = 0.35 * (d + over)
    shingles = Material("shingle", (0.12, 0.075, 0.055), "shingles", 0.2, 0.35, (0.08, 0.1, 0.05))
    # The roof keeps its distance from the ceiling, so that no shingle shows through the boards; walls go up to it.
    gap = 0.3
    eaves = [(sx * (w + over), sy * (d + over), h + gap + z) for sx in (-1, 1) for sy in (-1, 1) for z in (0.0, 0.1)]
    roof = hull([*eaves, (-w - over, 0, h + gap + rise), (w + over, 0, h + gap + rise)], shingles)
    ring = [(-w, -d), (w, -d), (w, d), (-w, d)]
    band = [
        quad((*a, h), (*b, h), (*b, h + gap), (*a, h + gap), _RENDER)
        for a, b in zip(ring, ring[1:] + ring[:1], strict=True)
    ]
    count = max(2, round(plan.depth / 1.1))
    beams = [
        board(
            (plan.width, 0.13, 0.16),
            timber,
            (0, (n + 0.5) * plan.depth / count - plan.depth / 2, h - 0.08),
            bevel=0.012,
        )
        for n in range(count)
    ]
    return join([under, roof, *band, *beams])
