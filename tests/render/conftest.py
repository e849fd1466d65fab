"""What the render tests share."""

from collections.abc import Iterator
from types import ModuleType

import pytest

from splatworld.render import cuda


@pytest.fixture
def kernels(built: ModuleType) -> Iterator[ModuleType]:
    """With nothing remembered of frames before."""
    cuda._memory.cache_clear()
    built.set_seed(0)
    yield built
    cuda._memory.cache_clear()
