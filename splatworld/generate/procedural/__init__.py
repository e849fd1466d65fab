"""Worlds by rules: words or a spec in, no network, no weights, no GPU."""

import msgspec

from splatworld.progress import Progress, silent
from splatworld.scene_spec import SceneSpec, checked
from splatworld.world import World

ACCEPTS = (str, SceneSpec)


def generate(prompt: str | SceneSpec, *, seed: int = 0, splats: int = 500_000, progress: Progress = silent) -> World:
    """The world of a sentence or spec; see `splatworld.generate.generate`."""
    # Imported here: the lexicon takes its words from the catalogue, which lives in this package.
    from splatworld.generate.procedural.build import build
    from splatworld.generate.text import parse

    spec = parse(prompt, seed=seed) if isinstance(prompt, str) else checked(prompt)
    if seed and spec.seed != seed:
        spec = msgspec.structs.replace(spec, seed=seed)
    return build(spec, splats=splats, progress=progress)
