"""What holds for all tests."""

import importlib.util
import os
import signal
from collections.abc import Iterator
from types import ModuleType

import jaxtyping
import pytest


def pytest_configure() -> None:
    """Ctrl-C reaches the processes that tests start, too where a shell began the tests in the background.

    Such a shell has SIGINT ignored, which children inherit; a signal with a handler they start with as usual.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def built() -> ModuleType:
    """The CUDA kernels' build for the host (cuda_ext/cuda/simt.h), which scripts/test makes."""
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
def unchecked() -> Iterator[None]:
    """As it is for users: annotations are not enforced."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
