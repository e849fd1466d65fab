"""`splatworld spec`."""

import json
from dataclasses import dataclass

from tyro.conf import Positional

from splatworld import limits
from splatworld.errors import UsageError


@dataclass(frozen=True)
class Spec:
    """Print what is understood of a sentence as JSON, to be edited and given to `generate --spec`."""

    prompt: Positional[str] = ""
    """What should be there."""
    seed: int = 0
    """Written into the spec."""
    plain: bool = False
    """Print it in plain words instead."""
    schema: bool = False
    """Print the JSON Schema of a spec instead."""

    def run(self) -> None:
        """Parse and print."""
        from splatworld import scene_spec

        if self.schema == bool(self.prompt):
            raise UsageError("give a sentence or --schema, one of the two")
        if not 0 <= self.seed <= limits.SEED_MAX:
            raise UsageError(f"--seed must be 0 to {limits.SEED_MAX}; {self.seed} is not")
        if self.schema:
            print(json.dumps(scene_spec.schema(), indent=2))
            return
        from splatworld.generate.text import describe, parse

        spec = parse(self.prompt, seed=self.seed)
        print(describe(spec) if self.plain else scene_spec.encode(spec).decode().rstrip())
