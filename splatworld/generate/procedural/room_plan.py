"""`RoomPlan`: the measures of a room. Its floor lies at z = 0 around the origin; +Y is north."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from splatworld.geometry import Vec3

Wall = Literal["north", "east", "south", "west"]
WALLS: tuple[Wall, ...] = ("north", "west", "east", "south")
"""Those that the start view looks at come first."""
WALL_THICKNESS = 0.26
EYE = 1.6
"""Metres above the floor."""


@dataclass(frozen=True)
class Opening:
    """A hole in a wall: a window or the door."""

    wall: Wall
    centre: float
    """Metres from the wall's middle, to the right of one who looks at the wall from inside."""
    width: float
    sill: float
    """Metres from the floor to its lower edge."""
    height: float


@dataclass(frozen=True)
class RoomPlan:
    """A rectangular room."""

    width: float
    """Metres along x, between the inner faces of the walls."""
    depth: float
    """Metres along y."""
    height: float
    windows: tuple[Opening, ...]
    door: Opening
    seed: int
    """What its arrangement is drawn from."""
    relaxed: bool = False
    """No size of room fulfils all relations: those that find no place are given up."""

    @property
    def eye(self) -> Vec3:
        """Where the visitor starts: in the corner beside the door."""
        return self.width / 2 - 0.5, -self.depth / 2 + 0.5, EYE

    def wall_frame(self, wall: Wall) -> tuple[float, float, float, float]:
        """x, y, yaw and length of a wall: a thing put at x, y and turned by yaw has its back on the wall's middle."""
        w, d = self.width / 2, self.depth / 2
        return {
            "north": (0.0, d, 0.0, self.width),
            "east": (w, 0.0, -np.pi / 2, self.depth),
            "south": (0.0, -d, np.pi, self.width),
            "west": (-w, 0.0, np.pi / 2, self.depth),
        }[wall]

    def on_wall(self, wall: Wall, along: float, off: float) -> tuple[float, float, float]:
        """x, y and yaw of what stands `off` metres before a wall, `along` metres to the right of its middle."""
        x, y, yaw, _ = self.wall_frame(wall)
        c, s = np.cos(yaw), np.sin(yaw)
        return float(x + c * along + s * off), float(y + s * along - c * off), yaw


def planned(width: float, depth: float, height: float, seed: int, *, relaxed: bool = False) -> RoomPlan:
    """A room of these measures with a door near its south-east corner and windows to the north and west."""
    door = Opening("south", -(width / 2 - 1.55), 0.9, 0.0, 2.05)
    tall = min(1.35, height - 1.25)
    places: list[tuple[Wall, float]] = [("west", 0.12 * depth), ("north", -0.24 * width)]
    if width > 5.4:
        places.append(("north", 0.3 * width))
    if depth > 5.4:
        places.append(("west", -0.28 * depth))
    windows = tuple(Opening(wall, float(along), 1.2, 0.9, tall) for wall, along in places)
    return RoomPlan(width, depth, height, windows, door, seed, relaxed)
