"""What spans and what bounds: bridge, pier, fence, wall, gate."""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, box
from splatworld.palette import linear


def _block(request: Request, rng: np.random.Generator) -> Shape:
    row = next(r for r in CLASSES if r.name == request.thing)
    side = row.footprint * request.size * 1.2
    material = Material(row.material, request.colour or linear(row.colour))
    return box((side, side, row.height * request.size * request.tall), material, bottom=True)


CLASSES = (
    ThingClass(
        "bridge",
        ("bridge", "footbridge", "stone bridge", "wooden bridge", "crossing", "viaduct", "foot bridge"),
        _block,
        6.0,
        1.9,
        kinds=("structure",),
        variants=0,
        colour="brown",
        material="wood",
        stands="across",
    ),
    ThingClass(
        "pier",
        ("pier", "jetty", "dock", "landing stage", "boardwalk", "wharf", "quay", "landing", "mooring"),
        _block,
        5.5,
        1.4,
        kinds=("structure",),
        variants=0,
        colour="brown",
        material="wood",
        stands="line",
    ),
    ThingClass(
        "fence",
        ("fence", "picket fence", "railing", "paling", "palisade", "hedge fence", "post and rail fence", "rail fence"),
        _block,
        3.2,
        1.2,
        kinds=("structure",),
        variants=0,
        colour="brown",
        material="wood",
        stands="line",
    ),
    ThingClass(
        "wall",
        ("wall", "stone wall", "garden wall", "dry stone wall", "boundary wall"),
        _block,
        3.2,
        1.2,
        kinds=("structure",),
        variants=0,
        colour="grey",
        material="stone",
        stands="line",
    ),
    ThingClass(
        "gate",
        ("gate", "gateway", "archway", "portal", "arch"),
        _block,
        2.4,
        3.0,
        kinds=("structure",),
        variants=0,
        colour="brown",
        material="wood",
    ),
)
