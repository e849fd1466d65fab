"""Prompts become worlds: `generate`, and the table of generators.

A generator is a module with `ACCEPTS` (the prompt types it takes) and `generate(prompt, *, seed, splats, progress)`.
Third parties add theirs by the entry point group `splatworld.generators`.
"""

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Protocol

from splatworld import limits
from splatworld.callables import call_as
from splatworld.errors import UsageError
from splatworld.progress import Progress, silent
from splatworld.scene_spec import SceneSpec
from splatworld.world import World

BUILT_IN = {"procedural": "splatworld.generate.procedural"}
"""Generators by name, in the order in which they are asked."""


class Generator(Protocol):
    """What a generator module supplies."""

    ACCEPTS: tuple[type, ...]

    def generate(self, prompt: Any, *, seed: int, splats: int, progress: Progress) -> World:
        """The world of a prompt of one of the accepted types."""
        ...


def generators() -> Mapping[str, str]:
    """Module names of all generators, built in and third-party."""
    return {**BUILT_IN, **{e.name: e.value for e in entry_points(group="splatworld.generators")}}


def generate(
    prompt: str | SceneSpec | Any, *, seed: int = 0, splats: int = 500_000, progress: Progress = silent
) -> World:
    """A world from a sentence or a spec, with at most `splats` splats.

    The same prompt, seed, count and version give the same world: byte for byte on one machine, within a millimetre on
    any other. A spec brings its own seed, which `seed` replaces unless it is 0.

    Raises `PromptError` or `SpecError` for what cannot be built from, `UsageError` for a count out of bounds, and lets
    `Cancelled` pass that `progress` raises.
    """
    if not limits.SPLATS_MIN <= splats <= limits.SPLATS_MAX:
        raise UsageError(f"{splats:,} splats; expected {limits.SPLATS_MIN:,} to {limits.SPLATS_MAX:,}")
    if not 0 <= seed <= limits.SEED_MAX:
        raise UsageError(f"seed {seed}; expected 0 to {limits.SEED_MAX}")
    for module in generators().values():
        generator: Generator = importlib.import_module(module)  # type: ignore[assignment]
        if isinstance(prompt, generator.ACCEPTS):
            return generator.generate(prompt, seed=seed, splats=splats, progress=progress)
    raise UsageError(f"no generator takes a prompt of type {type(prompt).__name__}; expected a sentence or a SceneSpec")


call_as(__name__, generate)
