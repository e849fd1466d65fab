"""`splatworld mesh`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from splatworld.errors import UsageError

if TYPE_CHECKING:
    from splatworld.formats.meshes import Mesh as FileMesh
    from splatworld.progress import Progress
    from splatworld.world import World


@dataclass(frozen=True)
class Mesh:
    """Write a world as triangles, for engines, printers and modelling programs: .glb, .obj, .ply or .stl."""

    file: Positional[Path]
    """World to read; splats without structure are looked at from all sides."""
    out: Annotated[Path, arg(aliases=("-o",))]
    """File to write."""
    kind: tuple[Literal["surface", "collider", "walkable"], ...] = ("surface",)
    """What to write, one or more: the surface in its colours, a light mesh of all that stops a body, or the area that
    a person reaches on foot from the start."""
    triangles: int | None = None
    """How many of each kind at most. Default: 600,000 for the surface, 150,000 and 100,000 for the others."""
    height: float = 1.8
    """Metres of headroom that the walker needs."""
    radius: float = 0.3
    """Metres that the walker keeps from walls."""
    step: float = 0.4
    """Metres that the walker steps up or down at once."""
    slope: float = 45.0
    """Degrees that the walker can climb."""
    frame: Literal["rdf", "rub", "rfu"] | None = None
    """Axes of the file that is read, as for convert."""
    force: bool = False
    """Replace the file if it exists."""

    def run(self) -> None:
        """Load, make, write, say what was made."""
        self._check()
        from splatworld import files, formats
        from splatworld.cli.bars import shown
        from splatworld.mesh import export

        export.check_suffix(self.out)
        files.check_output(self.out, force=self.force)
        with shown() as progress:
            world = formats.load(self.file, frame=self.frame, progress=progress)
            meshes = [mesh for kind in dict.fromkeys(self.kind) for mesh in self._made(kind, world, progress)]
            export.save(meshes, self.out, force=self.force)
        count = sum(len(mesh.faces) for mesh in meshes)
        print(f"{self.out}: {' and '.join(dict.fromkeys(self.kind))}, {count:,} triangles")

    def _check(self) -> None:
        if not self.kind:
            raise UsageError("name at least one kind: surface, collider or walkable")
        if self.triangles is not None and self.triangles < 1:
            raise UsageError(f"--triangles must be at least 1; {self.triangles} is not")
        if not (0 < self.height <= 100 and 0 <= self.radius <= 100 and 0 <= self.step <= 100 and 0 <= self.slope < 90):
            raise UsageError(
                "a walker has a height above 0, no negative radius or step, and climbs less than 90 degrees"
            )

    def _made(self, kind: str, world: "World", progress: "Progress") -> "list[FileMesh]":
        from splatworld.formats.meshes import Material
        from splatworld.formats.meshes import Mesh as FileMesh
        from splatworld.mesh import Walker, collider, surface, walkable

        budget = {} if self.triangles is None else {"triangles": self.triangles}
        if kind == "surface":
            return surface(world, progress=progress, **budget)
        if kind == "collider":
            made, colour = collider(world, progress=progress, **budget), (0.62, 0.65, 0.70)
        else:
            walker = Walker(radius=self.radius, height=self.height, step=self.step, slope_deg=self.slope)
            made, colour = walkable(world, walker=walker, progress=progress, **budget), (0.30, 0.80, 0.45)
        return [FileMesh(kind, made.vertices, made.faces, materials=(Material(colour),))]
