"""What grows near the ground: bush, flowers, grass, fern, reeds, mushroom, cactus, and what is left of trees."""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, ball
from splatworld.generate.procedural.snow import snowed


def bush(request: Request, rng: np.random.Generator) -> Shape:
    leaves = Material("leaf", request.colour or (0.06, 0.11, 0.03), "leaf")
    r = 0.5 * request.size * rng.uniform(0.9, 1.1)
    return snowed(ball(r, leaves).at(0, 0, r), request.snow)


flowers = grass = fern = reeds = mushroom = cactus = stump = log = bush

PLANT = ("plant",)
CLASSES = (
    ThingClass(
        "bush",
        ("bush", "shrub", "hedge", "bramble", "thicket", "undergrowth", "holly", "hazel", "elder", "gorse", "boxwood", "berry bush",
         "rose bush", "rosebush", "rhododendron", "hydrangea", "scrub", "sagebrush"),
        bush, footprint=0.7, height=1.2, kinds=PLANT, variants=5, colour="green", material="leaf",
    ),
    ThingClass(
        "flowers",
        ("flowers", "flower", "wildflower", "wild flower", "poppy", "daisy", "tulip", "lavender", "rose", "sunflower", "bluebell",
         "buttercup", "dandelion", "daffodil", "iris", "lily", "lupin", "lupine", "cornflower", "marigold", "violet",
         "crocus", "snowdrop", "heather", "blossom", "bloom", "flowerbed", "flower bed", "clover", "orchid"),
        flowers, footprint=0.3, height=0.45, kinds=PLANT, variants=6, colour="white", material="petal",
    ),
    ThingClass(
        "grass",
        ("grass", "tall grass", "long grass", "tuft", "tuft of grass", "grass tuft", "tussock", "wheat", "barley", "straw",
         "prairie grass", "dune grass", "beach grass", "blade of grass"),
        grass, footprint=0.25, height=0.45, kinds=PLANT, variants=6, colour="green", material="leaf",
    ),
    ThingClass(
        "fern", ("fern", "bracken"),
        fern, footprint=0.45, height=0.6, kinds=PLANT, variants=4, colour="green", material="leaf",
    ),
    ThingClass(
        "reeds",
        ("reeds", "reed", "rush", "bulrush", "cattail", "sedge", "papyrus", "bamboo", "cane"),
        reeds, footprint=0.35, height=1.7, kinds=PLANT, variants=4, colour="green", material="leaf",
    ),
    ThingClass(
        "mushroom",
        ("mushroom", "toadstool", "fungus", "fly agaric", "chanterelle", "bolete"),
        mushroom, footprint=0.2, height=0.2, kinds=PLANT, variants=4, colour="red", material="mushroom",
    ),
    ThingClass(
        "cactus",
        ("cactus", "saguaro", "cactus plant", "succulent"),
        cactus, footprint=0.6, height=3.2, kinds=PLANT, variants=4, colour="green", material="cactus",
    ),
    ThingClass(
        "stump",
        ("stump", "tree stump", "tree trunk stump", "chopping block"),
        stump, footprint=0.45, height=0.55, kinds=(), variants=3, colour="brown", material="wood",
    ),
    ThingClass(
        "log",
        ("log", "fallen tree", "fallen log", "driftwood", "fallen trunk", "tree trunk", "trunk", "timber"),
        log, footprint=1.3, height=0.5, kinds=(), variants=3, colour="brown", material="wood",
    ),
)  # fmt: skip
