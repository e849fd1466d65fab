"""`Placement`: where the layout puts one thing."""

from dataclasses import dataclass

from splatworld.geometry import Vec3


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
