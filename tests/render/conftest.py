"""What the render tests share; for those that run CUDA kernels without a GPU, their build for the host.

That is cuda_ext/cuda/simt.h; SPLATWORLD_EMULATED is its path, and scripts/test makes it.
"""

import importlib.util
import os
from collections.abc import Iterator
from types import ModuleType

import jaxtyping
import pytest

from splatworld.render import cuda


@pytest.fixture(scope="session")
def built() -> ModuleType:
    path = os.environ.get("SPLATWORLD_EMULATED")
    if not path:
        pytest.skip("SPLATWORLD_EMULATED does not name the CUDA kernels' build for the host")
    spec = importlib.util.spec_from_file_location("_cuda_emulated", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def kernels(built: ModuleType) -> Iterator[ModuleType]:
    """With nothing remembered of frames before."""
    cuda._memory.cache_clear()
    built.set_seed(0)
    yield built
    cuda._memory.cache_clear()


@pytest.fixture
def unchecked() -> Iterator[None]:
    """As it is for users: annotations are not enforced."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
