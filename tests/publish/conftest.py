"""The viewer's files for the tests of pages."""

import os
from pathlib import Path

import pytest

from splatworld.errors import ViewerError
from splatworld.publish.viewer import PACKAGE, VERSION, cache, viewer_files


@pytest.fixture(scope="session")
def viewer_dir() -> Path:
    """A folder with the viewer's package: that of the tests' Node modules, else of the cache, fetched if need be."""
    modules = Path(os.environ.get("SPLATWORLD_NODE_MODULES", "nowhere")) / PACKAGE
    if modules.is_dir():
        return modules
    try:
        viewer_files()
    except ViewerError as why:
        pytest.skip(f"the viewer of published pages is not here: {why}")
    return cache() / f"supersplat-viewer-{VERSION}"
