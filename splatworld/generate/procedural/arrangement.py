"""`Arrangement`: a room that fills, one thing after the other.

All furniture stands square to the room but for a slight, allowed-for turn, so that its rectangles are tested exactly.
Left, right, behind and in front are as seen from the start.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from splatworld.generate.procedural.floor_grid import Floats, FloorGrid, Half, turned_half
from splatworld.generate.procedural.guests import SEATS, Guest
from splatworld.generate.procedural.resting import rest
from splatworld.generate.procedural.room_plan import WALLS, RoomPlan, Wall
from splatworld.generate.procedural.seating import seats_around
from splatworld.scene_spec import Relation

GAP = 0.06
"""Metres between things that stand together."""
WAY = 0.5
"""Metres kept free before furniture that has its back to a wall."""
_SKIRTING = 0.03
_TURN = 0.07
"""Radians by which a chair may stand askew; `GAP` is wide enough for it."""
_STATELY = ("bed", "sofa", "fireplace", "piano")
"""What a room is built around: in the middle of a wall, and not behind the visitor."""
_WALL_COST = {"north": 0.0, "west": 0.25, "east": 0.9, "south": 1.5}


@dataclass(frozen=True, eq=False)
class Spot:
    """Where one copy stands."""

    guest: Guest
    x: float
    y: float
    yaw: float
    z: float = 0.0
    scale: float = 1.0
    wall: Wall | None = None
    solid: bool = True
    """Takes floor for itself; what lies on or under other things does not."""

    @property
    def half(self) -> Half:
        """Half extents as it stands, along the room's x and y."""
        return turned_half(self.guest.measure.half, self.yaw, self.scale)

    @property
    def xy(self) -> Floats:
        """[2]."""
        return np.array([self.x, self.y])


def facing(direction: Floats) -> float:
    """The quarter turn by which a front (-Y) comes closest to looking along `direction` [2]."""
    return float(np.round(np.arctan2(direction[0], -direction[1]) / (np.pi / 2)) * np.pi / 2)


class Arrangement:
    """What stands where, and the floor that is left."""

    def __init__(self, plan: RoomPlan, everyone: Sequence[Guest]) -> None:
        self.plan = plan
        self.guests = {g.key: g for g in everyone}
        self.rng = np.random.default_rng(plan.seed)
        self.grid = FloorGrid(plan)
        self.spots: dict[str, list[Spot]] = {g.key: [] for g in everyone}
        self._hung: list[tuple[Wall, float, float, float, float]] = [
            (o.wall, o.centre - o.width / 2 - 0.1, o.centre + o.width / 2 + 0.1, o.sill * 1.7, o.sill + o.height + 0.2)
            for o in (*plan.windows, plan.door)
        ]
        self.eye = np.array(plan.eye[:2])
        x, y, _ = plan.on_wall(plan.door.wall, plan.door.centre, 0.5)
        self.grid.take(x, y, (plan.door.width / 2 + 0.1, 0.5))
        self.grid.take(float(self.eye[0]), float(self.eye[1]), (0.5, 0.5))
        step = -self.eye / np.linalg.norm(self.eye)  # nothing stands right before the visitor's nose
        nose = self.eye + 0.9 * step
        self.grid.take(float(nose[0]), float(nose[1]), (0.4, 0.4), only_keep=True)

    def settle(self, spot: Spot) -> None:
        """`spot` is taken, and the way to it is kept."""
        guest = spot.guest
        self.spots[guest.key].append(spot)
        if not guest.flat:
            self._hung += self._before_walls(spot)
        if not spot.solid:
            return
        self.grid.take(spot.x, spot.y, spot.half)
        if spot.wall is not None and not guest.hangs:
            reach = guest.measure.half[1] + WAY / 2
            x, y = spot.xy + reach * np.array([np.sin(spot.yaw), -np.cos(spot.yaw)])
            self.grid.take(float(x), float(y), turned_half((guest.measure.half[0], WAY / 2), spot.yaw), only_keep=True)

    def _before_walls(self, spot: Spot) -> list[tuple[Wall, float, float, float, float]]:
        """The stretches of wall that a thing stands, lies or hangs close to."""
        top = spot.z + spot.guest.measure.height * spot.scale
        found: list[tuple[Wall, float, float, float, float]] = []
        for wall in WALLS:
            x, y, yaw, _ = self.plan.wall_frame(wall)
            away, wide = (abs(spot.y - y), 0) if wall in ("north", "south") else (abs(spot.x - x), 1)
            if wall == spot.wall or away - spot.half[1 - wide] < 0.15:
                along = (spot.x - x) * np.cos(yaw) + (spot.y - y) * np.sin(yaw)
                found.append((wall, float(along) - spot.half[wide], float(along) + spot.half[wide], spot.z, top))
        return found

    def find(self, guest: Guest, index: int) -> Spot | None:
        """A place for copy `index` of `guest`; None if there is none."""
        if guest.hangs:
            return self._hang(guest, index)
        for relation in guest.relations:
            others = [s for t in relation.to if t != guest.key for s in self.spots.get(t, [])]
            if others:
                return self._related(guest, index, relation, others)
            if "wall" in relation.to:
                return self._against_wall(guest) or self._open(guest)
        if guest.flat:
            return replace(self._near(guest, np.zeros(2), solid=False) or Spot(guest, 0.0, 0.0, 0.0), solid=False)
        if guest.row.stands == "wall" and not self._around_it(guest, "behind", "around"):
            return self._against_wall(guest) or self._open(guest)
        return self._open(guest)

    def _related(self, guest: Guest, index: int, relation: Relation, others: list[Spot]) -> Spot | None:
        match relation.kind:
            case "on" | "in":
                return self._on(guest, index, others)
            case "under":
                return self._under(guest, others[index % len(others)])
            case "around":
                return self._around(guest, index, others[index * len(others) // guest.count])
            case "between":
                return self._between(guest, relation, others)
            case "behind" | "in_front_of" | "left_of" | "right_of":
                return self._in_view(guest, relation.kind, others[index % len(others)])
            case _:
                return self._by(guest, index, others[index % len(others)])

    # --- without a relation -------------------------------------------------------------------------------------------

    def _against_wall(self, guest: Guest) -> Spot | None:
        """The best stretch of wall: one that the visitor sees, clear of windows if the thing is tall."""
        best: tuple[float, Spot] | None = None
        half, flanks = guest.measure.half, self._flanks(guest)
        seen = 5.0 * bool(self._around_it(guest, "in_front_of", "left_of", "right_of"))
        for wall in WALLS:
            length = self.plan.wall_frame(wall)[3]
            reach = length / 2 - half[0] - flanks - 0.02
            if reach < 0 or (wall == "south" and guest.row.name in _STATELY and not self.plan.relaxed):
                continue
            along = np.linspace(-reach, reach, max(3, int(reach / 0.05)))
            x, y, yaw = self.plan.on_wall(wall, 0.0, half[1] + _SKIRTING)
            xs, ys = x + np.cos(yaw) * along, y + np.sin(yaw) * along
            free = self.grid.clear(xs, ys, turned_half((half[0] + flanks, half[1]), yaw)) & self._wall_free(
                wall, along, half[0], 0.0, guest.measure.height
            )
            if not free.any():
                continue
            cost = (
                _WALL_COST[wall]
                + seen * (wall in ("east", "south"))
                + self._wall_taste(guest, along, length)
                + 0.02 * self.rng.random(len(along))
            )
            k = int(np.argmin(np.where(free, cost, np.inf)))
            if best is None or cost[k] < best[0]:
                best = float(cost[k]), Spot(guest, float(xs[k]), float(ys[k]), yaw, wall=wall)
        return None if best is None else best[1]

    def _wall_taste(self, guest: Guest, along: Floats, length: float) -> Floats:
        """Beds, sofas and hearths like the middle of a wall; the rest stands aside, alike beside alike."""
        if guest.row.name in _STATELY:
            return 0.9 * np.abs(along) / length
        aside = 0.6 * (0.5 - np.abs(along) / length)
        return aside + (0.4 if self.spots[guest.key] else 0.0) * np.abs(along - np.sign(along) * length / 2) / length

    def _open(self, guest: Guest) -> Spot | None:
        """Free on the floor: what others gather around in the middle, small things in the corners."""
        ring = self._ring(guest)
        if ring or guest.measure.radius > 0.8:
            return self._near(guest, np.array([-0.05 * self.plan.width, 0.04 * self.plan.depth]), room=ring)
        corners = np.array([[-1, 1], [-1, -1], [1, 1]]) * np.array(self.grid.half)
        for corner in self.rng.permutation(corners):
            spot = self._near(guest, corner, face=np.zeros(2), corner=True)
            if spot is not None:
                return spot
        return None if guest.item is None else self._near(guest, corners[0], face=np.zeros(2))

    def _ring(self, guest: Guest) -> float:
        """Metres to keep around a thing for those who will sit or stand there."""
        near = self._around_it(guest, "around", "behind", "left_of", "right_of", "in_front_of", "by")
        return max((2 * g.measure.half[1] + 2 * GAP for g in near if not g.flat), default=0.0)

    def _flanks(self, guest: Guest) -> float:
        """Metres to keep on either side for what it stands between."""
        return max((2 * g.measure.half[0] + 2 * GAP for g in self._around_it(guest, "between")), default=0.0)

    def _around_it(self, guest: Guest, *kinds: str) -> list[Guest]:
        """Those whose place is told by this one's."""
        return [g for g in self.guests.values() if guest.key in g.targets(*kinds)]

    def _near(
        self,
        guest: Guest,
        to: Floats,
        *,
        face: Floats | None = None,
        room: float = 0.0,
        solid: bool = True,
        off: Floats | None = None,
        corner: bool = False,
    ) -> Spot | None:
        """The free spot closest to `to` [2], its front to the eye or to `face`.

        `off` [n] adds a cost to each place; with `corner`, only that corner of the room is searched.
        """
        x, y = self.grid.places()
        yaw = facing((self.eye if face is None else face) - to)
        half = turned_half(guest.measure.half, yaw)
        inside = (np.abs(x) + half[0] < self.grid.half[0]) & (np.abs(y) + half[1] < self.grid.half[1])
        cost = np.hypot(x - to[0], y - to[1]) + (0.0 if off is None else off)
        if corner:
            inside &= cost < np.hypot(*half) + 0.45
        tries = ((room, True), (0.5 * room, True), (0.0, guest.item is None or corner)) if solid else ((0.0, False),)
        for extra, ways in tries:
            free = inside & self.grid.clear(x, y, (half[0] + extra, half[1] + extra), ways=ways) if solid else inside
            if free.any():
                k = int(np.argmin(np.where(free, cost, np.inf)))
                return Spot(guest, float(x[k]), float(y[k]), yaw)
        return None

    # --- on the wall --------------------------------------------------------------------------------------------------

    def _hang(self, guest: Guest, index: int) -> Spot | None:
        """On a wall at eye height, over what stands there; curtains beside the windows."""
        half, tall = guest.measure.half, guest.measure.height
        if guest.row.name == "curtain" and index < 2 * len(self.plan.windows):
            window = self.plan.windows[index // 2]
            side = 1 if index % 2 else -1
            x, y, yaw = self.plan.on_wall(
                window.wall, window.centre + side * (window.width / 2 + 0.12), half[1] + 0.045
            )
            z = max(0.02, window.sill + window.height + 0.04 - tall)
            free = self.grid.clear(np.array([x]), np.array([y]), turned_half(half, yaw), ways=False)[0]
            return Spot(guest, x, y, yaw, z, wall=window.wall) if free or guest.item is not None else None
        near = [s for t in guest.targets() for s in self.spots.get(t, [])]
        best: tuple[float, Spot] | None = None
        for wall in WALLS:
            length = self.plan.wall_frame(wall)[3]
            along = np.arange(-length / 2 + half[0] + 0.08, length / 2 - half[0] - 0.08, 0.06)
            for level in (1.62, 2.0):
                z = min(max(level - tall / 2, 0.05), self.plan.height - tall - 0.2)
                free = self._wall_free(wall, along, half[0] + 0.08, z, z + tall)
                if not free.any():
                    continue
                cost = (
                    _WALL_COST[wall]
                    + 0.8 * (level - 1.62)
                    + self._over(wall, along)
                    + 0.05 * self.rng.random(len(along))
                )
                if near:
                    points = np.array([self.plan.on_wall(wall, a, 0.0)[:2] for a in along])
                    cost = cost + 2 * np.hypot(*(points - near[index % len(near)].xy).T)
                k = int(np.argmin(np.where(free, cost, np.inf)))
                x, y, yaw = self.plan.on_wall(wall, float(along[k]), half[1] + 0.006)
                if best is None or cost[k] < best[0]:
                    best = float(cost[k]), Spot(guest, x, y, yaw, z, wall=wall, solid=False)
        return None if best is None else best[1]

    def _over(self, wall: Wall, along: Floats) -> Floats:
        """Cost of a place on the wall: low in the middle above furniture, or in the middle of bare wall."""
        middles = [(u0 + u1) / 2 for w, u0, u1, z0, z1 in self._hung if w == wall and z0 < 0.1 and z1 < 1.4]
        if not middles:
            return 0.35 + 0.1 * np.abs(along)
        return np.minimum(0.35, np.abs(along[:, None] - np.array(middles)).min(1))

    def _wall_free(self, wall: Wall, along: Floats, half: float, z0: float, z1: float) -> np.ndarray:
        """[n] True where nothing else hangs or stands on this stretch of wall."""
        free = np.ones(len(along), bool)
        for w, u0, u1, v0, v1 in self._hung:
            if w == wall and v0 < z1 and z0 < v1:
                free &= (along + half <= u0) | (along - half >= u1)
        return free

    # --- with a relation ----------------------------------------------------------------------------------------------

    def _on(self, guest: Guest, index: int, others: list[Spot]) -> Spot | None:
        below = others[index % len(others)]
        if below.guest.flat:
            return self._near(guest, below.xy)
        there = [s for g in self.spots.values() for s in g if not s.solid and s.z > 0.05 and s.wall is None]
        x, y, z = rest(guest.measure, below, there, self.grid.half)
        return Spot(guest, x, y, below.yaw, z, solid=False)

    def _under(self, guest: Guest, above: Spot) -> Spot | None:
        """Rugs lie under, a little towards the room; other things shrink until they fit beneath."""
        if guest.flat:
            forward = 0.45 if above.wall is not None else 0.0
            half = turned_half(guest.measure.half, above.yaw)
            at = above.xy + forward * np.array([np.sin(above.yaw), -np.cos(above.yaw)])
            limit = np.maximum(np.array(self.grid.half) - half - 0.03, 0.0)
            x, y = np.clip(at, -limit, limit)
            return Spot(guest, float(x), float(y), above.yaw, solid=False)
        room = above.guest.measure.clear * above.scale - 0.02
        legs = 0.8 * min(above.guest.measure.half) / max(guest.measure.half)
        scale = min(1.0, room / guest.measure.height, legs)
        return (
            Spot(guest, above.x, above.y, above.yaw, scale=scale, solid=False)
            if scale > 0.3
            else self._by(guest, 0, above)
        )

    def _around(self, guest: Guest, index: int, middle: Spot) -> Spot | None:
        """Evenly along the four sides, facing inwards; when the sides are full, in a second row."""
        for turn in seats_around(guest, index, middle):
            side, share, row = turn
            spot = self._beside(
                guest, middle, side, share, GAP + row * (2 * guest.measure.half[1] + 0.25), inwards=True
            )
            if spot is not None:
                return replace(spot, yaw=spot.yaw + float(self.rng.uniform(-_TURN, _TURN)))
        return self._near(guest, middle.xy, face=middle.xy)

    def _beside(self, guest: Guest, other: Spot, side: int, share: float, gap: float, *, inwards: bool) -> Spot | None:
        """At a side of `other` (0 front, 1 right, 2 back, 3 left), `share` (-1 to 1) along it; None if not free."""
        a, b = guest.measure.half, other.guest.measure.half
        local = side * np.pi / 2 + np.pi if inwards else 0.0
        mine = turned_half(a, local)
        deep, wide = ((b[1], b[0]), (b[0], b[1]))[side % 2]
        mine_deep, mine_wide = ((mine[1], mine[0]), (mine[0], mine[1]))[side % 2]
        off = deep * other.scale + mine_deep + gap
        slide = share * (max(0.0, wide - mine_wide) if wide > mine_wide else wide - mine_wide)
        u, v = ((slide, -off), (off, slide), (slide, off), (-off, slide))[side]
        c, s = np.cos(other.yaw), np.sin(other.yaw)
        x, y, yaw = other.x + c * u - s * v, other.y + s * u + c * v, other.yaw + local
        half = turned_half((a[0] + 0.015, a[1] + 0.015), yaw)
        if not self.grid.clear(np.array([x]), np.array([y]), half, ways=False)[0]:
            return None
        return Spot(guest, float(x), float(y), float(yaw))

    def _by(self, guest: Guest, index: int, other: Spot) -> Spot | None:
        """At its side, back in line with back; seats face it."""
        seat = guest.row.name in SEATS
        back = 1.0 if other.guest.row.stands == "wall" else 0.0
        sides = (1, 3) if (index + int(self.rng.integers(2))) % 2 else (3, 1)
        for gap in (GAP, 0.2, 0.45):
            for share in (back, 0.0, -0.8):
                for side in sides:
                    spot = self._beside(guest, other, side, share, gap, inwards=seat)
                    if spot is not None:
                        return spot
            for side in (0, 2):
                for share in (0.0, 0.7, -0.7):
                    spot = self._beside(guest, other, side, share, gap, inwards=seat)
                    if spot is not None:
                        return spot
        return self._near(guest, other.xy, face=other.xy if seat else None)

    def _between(self, guest: Guest, relation: Relation, others: list[Spot]) -> Spot | None:
        """Halfway between two; or, for things that flank a larger one, at its left and right in turn."""
        if len(others) == 1:
            flanking = [
                s
                for g in self.guests.values()
                if others[0].guest.key in g.targets("between")
                for s in self.spots[g.key]
            ]
            for side in (3, 1) if len(flanking) % 2 == 0 else (1, 3):
                for gap, share in ((GAP, 1.0), (0.2, 1.0), (GAP, 0.0), (0.45, 0.3)):
                    spot = self._beside(guest, others[0], side, share, gap, inwards=False)
                    if spot is not None:
                        return spot
                if not self.plan.relaxed:
                    return None
            return self._near(guest, others[0].xy)
        first = others[0]
        second = next((s for s in others if s.guest is not first.guest), others[-1])
        return self._near(guest, (first.xy + second.xy) / 2)

    def _in_view(self, guest: Guest, kind: str, other: Spot) -> Spot | None:
        """Behind, before, left or right of another thing for the visitor; before furniture at a wall: in the room."""
        if kind == "in_front_of" and other.wall is not None:
            for gap, share in ((0.35, 0.0), (0.12, 0.0), (0.35, 0.6), (0.35, -0.6), (0.8, 0.0)):
                spot = self._beside(guest, other, 0, share, gap, inwards=guest.row.name in SEATS)
                if spot is not None:
                    return spot
        ahead = other.xy - self.eye
        ahead = ahead / np.linalg.norm(ahead)
        right = np.array([ahead[1], -ahead[0]])
        way = {"behind": ahead, "in_front_of": -ahead, "right_of": right, "left_of": -right}[kind]
        reach = _extent(other.half, way) + _extent(guest.measure.half, way) + GAP
        x, y = self.grid.places()
        dx, dy = x - other.x, y - other.y
        forward, aside = dx * way[0] + dy * way[1], np.abs(dx * way[1] - dy * way[0])
        wrong = 30.0 * np.maximum(0.0, aside - forward)
        return self._near(guest, other.xy + way * reach, off=wrong)


def _extent(half: Half, way: Floats) -> float:
    """Metres from the middle of a rectangle to its border along `way`."""
    return float(min(h / max(abs(w), 1e-6) for h, w in zip(half, way, strict=True)))
