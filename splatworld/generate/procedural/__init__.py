"""Worlds by rules: words or a spec in, no network, no weights, no GPU."""

import msgspec

from splatworld.errors import SpecError
from splatworld.palette import COLOURS
from splatworld.progress import Progress, silent
from splatworld.scene_spec import SceneSpec, checked
from splatworld.world import World

ACCEPTS = (str, SceneSpec)


def generate(prompt: str | SceneSpec, *, seed: int = 0, splats: int = 500_000, progress: Progress = silent) -> World:
    """The world of a sentence or spec; see `splatworld.generate.generate`."""
    # Imported here: the lexicon takes its words from the catalogue, which lives in this package.
    from splatworld.generate.procedural.build import build
    from splatworld.generate.text import parse

    spec = parse(prompt, seed=seed) if isinstance(prompt, str) else known(checked(prompt))
    if seed and spec.seed != seed:
        spec = msgspec.structs.replace(spec, seed=seed)
    return build(spec, splats=splats, progress=progress)


def known(spec: SceneSpec) -> SceneSpec:
    """The spec itself, if the catalogue has its classes and the palette its colours; else `SpecError`."""
    from splatworld.generate.procedural.catalogue import classes

    for wish in (*spec.items, *spec.covers):
        if wish.thing not in classes():
            names = ", ".join(classes())
            raise SpecError(f"the spec asks for '{wish.thing}', which is no class of the catalogue; it has {names}")
        if wish.colour is not None and wish.colour not in COLOURS:
            raise SpecError(
                f"'{wish.thing}' is to be '{wish.colour}', which is no colour; there are {', '.join(COLOURS)}"
            )
    return spec
