"""`Placement`: where the layout puts one thing."""

from dataclasses import dataclass

from splatworld.geometry import Vec3


@dataclass(frozen=True)
class Part:
    """One straight piece of a thing that follows the ground or turns corners: a fence, a wall."""

    position: Vec3
    """Middle of the piece where it touches the ground, in the thing's frame."""
    yaw: float
    """Radians about +Z, thing frame; the piece runs along its own X."""
    length: float
    """Metres."""


@dataclass(frozen=True)
class Placement:
    """One copy of a thing in the world; colour, material and size come from its item."""

    item: str | None
    """Id of the spec's item; None for an extra that nobody asked for."""
    thing: str
    """Class whose builder makes it."""
    position: Vec3
    """World position of the thing's origin, metres."""
    yaw: float
    """Radians about +Z; 0 leaves the front towards -Y."""
    scale: float = 1.0
    """Factor on top of the item's size."""
    length: float | None = None
    """Metres to span, for bridges and fences."""
    variant: int = 0
    """Which of the class's shapes."""
    parts: tuple[Part, ...] = ()
    """Pieces that make up one thing; empty = one piece of `length`. They are in the frame that `position`, `yaw` and
    `scale` = 1 give."""
