"""The checker of annotations under test (`--jaxtyping-packages` in pyproject.toml)."""

from typing import Any, Self

from beartype import BeartypeConf, FrozenDict, beartype

checked = beartype(
    conf=BeartypeConf(
        # An int is a float, as type checkers see it (PEP 484).
        is_pep484_tower=True,
        # jaxtyping decorates methods one by one, and beartype knows `Self` only where it decorates the class.
        hint_overrides=FrozenDict({Self: Any}),
    )
)
