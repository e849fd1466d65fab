"""Programs that we did not write, asked what they see in a file: for tests, and for the matrix of formats.

Those in Python come with the extra `dev`. Those in JavaScript are run by the scripts beside this file, with the
packages of `package.json`, which `scripts/test` installs into `build/node`. `programs` lists all of them, with what
each reads and writes; here is what runs a script.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

HERE = Path(__file__).parent
PACKAGES: dict[str, str] = json.loads((HERE / "package.json").read_text())["dependencies"]
"""Names of npm with their versions."""
SECONDS = 120
"""More than a script here may take on a busy machine."""


def modules() -> Path:
    """The `node_modules` folder, there or not."""
    return Path(os.environ.get("SPLATWORLD_NODE_MODULES", HERE.parents[1] / "build/node/node_modules"))


def missing(*packages: str) -> str | None:
    """Why these packages of npm cannot be used here, as a sentence; None if they can."""
    if shutil.which("node") is None:
        return "needs node"
    for name in packages:
        file = modules() / name / "package.json"
        if not file.is_file() or json.loads(file.read_text())["version"] != PACKAGES[name]:
            return (
                f"needs npm's {name}@{PACKAGES[name]} (scripts/test installs it; SPLATWORLD_NODE_MODULES names where)"
            )
    return None


def need(*packages: str) -> None:
    """Skip the test where these packages are not; in CI, which has npm and has just run it, that is a failure."""
    if reason := missing(*packages):
        in_ci = os.environ.get("CI") == "true" and shutil.which("npm") is not None
        (pytest.fail if in_ci else pytest.skip)(reason)


def run(script: str, *arguments: Path | str | int, **arrays: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The arrays that a script of this folder prints; `arrays` are what it finds on its stdin."""
    return _unpacked(node(HERE / script, *arguments, stdin=_packed(arrays)))


def node(script: Path, *arguments: Path | str | int, stdin: bytes = b"") -> bytes:
    """What a script prints; raises `RuntimeError` with what it said if it fails."""
    command = ["node", str(script), *map(str, arguments)]
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        timeout=SECONDS,
        env={**os.environ, "SPLATWORLD_NODE_MODULES": str(modules())},
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode(errors='replace')[-2_000:]}")
    return done.stdout


def splat_transform(*arguments: Path | str | int) -> None:
    """Run splat-transform's command line, without a GPU: files, and actions between them."""
    node(modules() / "@playcanvas/splat-transform/bin/cli.mjs", "-w", "-q", "-g", "cpu", *arguments)


def gltf_issues(path: Path) -> list[dict[str, Any]]:
    """What Khronos' validator says of a glTF file: dictionaries with `code`, `message`, `severity` and `pointer`."""
    return json.loads(node(HERE / "gltf_validate.mjs", path))["issues"]["messages"]


def _packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """As `arrays.mjs` receives them."""
    head = {name: {"dtype": str(values.dtype), "shape": values.shape} for name, values in arrays.items()}
    return b"".join([json.dumps(head).encode(), b"\n", *(values.tobytes() for values in arrays.values())])


def _unpacked(data: bytes) -> dict[str, NDArray[Any]]:
    """As `arrays.mjs` sends them; none if nothing was sent."""
    head, _, rest = data.partition(b"\n")
    arrays, at = {}, 0
    for name, about in json.loads(head or b"{}").items():
        values = np.frombuffer(rest, about["dtype"], int(np.prod(about["shape"])), at)
        arrays[name] = values.reshape(about["shape"])
        at += values.nbytes
    return arrays
