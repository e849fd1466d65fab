"""The wheels: what is in them, and that they install and draw where there is no compiler."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NO_COMPILER = "the kernels need a C++ compiler"

pytestmark = pytest.mark.slow


def wheel(folder: Path, *options: str) -> tuple[Path, str]:
    """What `scripts/wheel` built into `folder`, and what it said."""
    environment = {name: value for name, value in os.environ.items() if name != "SPLATWORLD_PURE"}
    command = [sys.executable, ROOT / "scripts" / "make_wheel.py", "--out", folder, *options]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    assert found.returncode == 0, found.stdout + found.stderr
    (made,) = folder.glob("*.whl")
    return made, found.stdout


def contents(made: Path) -> list[str]:
    with zipfile.ZipFile(made) as archive:
        return archive.namelist()


def backends(said: str) -> dict[str, str]:
    rows = [line.split(None, 1) for line in said.partition("without a compiler")[2].splitlines()[1:]]
    return {name: reason.strip() for name, reason in rows}


def test_without_kernels_it_fits_every_platform_and_the_reference_draws(tmp_path: Path) -> None:
    made, said = wheel(tmp_path, "--pure", "--check", "--borrow")
    assert made.name.endswith("-py3-none-any.whl")
    assert not [name for name in contents(made) if name.endswith((".so", ".pyd", ".cpp", ".h"))]
    assert {f"splatworld/publish/page/{name}" for name in ("index.html", "page.css", "page.js")} <= set(contents(made))
    found = backends(said)
    assert found["reference"] == "ready"
    assert "without its kernels" in found["cpu"]


@pytest.mark.skipif(not any(shutil.which(name) for name in ("c++", "g++", "clang++", "cl")), reason=NO_COMPILER)
def test_with_kernels_it_fits_every_python_and_draws_without_a_compiler(tmp_path: Path) -> None:
    given = os.environ.get("SPLATWORLD_WHEELS")
    if given is None:
        made, said = wheel(tmp_path, "--no-cuda", "--check", "--borrow")
        assert backends(said)["cpu"] == "ready"
    else:
        (made,) = Path(given).glob("*.whl")
    assert "-cp311-abi3-" in made.name
    names = contents(made)
    native = [name for name in names if name.endswith((".so", ".pyd"))]
    assert native
    assert all(name.startswith("splatworld/_") and (".abi3." in name or name.endswith(".pyd")) for name in native)
    assert "emulated" not in " ".join(names)
    assert not [name for name in names if name.endswith((".cpp", ".cu", ".h"))]


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf is not here to look into the modules")
def test_modules_need_nothing_of_cuda_or_torch_to_load() -> None:
    import splatworld

    built = [*Path(splatworld.__file__).parent.glob("_*.so"), *Path(ROOT, "build", "strict").glob("_*.so")]
    for module in built:
        said = subprocess.run(["readelf", "-d", module], capture_output=True, text=True, check=True).stdout
        needed = [line.rpartition("[")[2].strip("]") for line in said.splitlines() if "(NEEDED)" in line]
        assert not [name for name in needed if name.startswith(("libcu", "libtorch", "libc10", "libpython"))], needed


def test_a_failed_check_is_an_error(tmp_path: Path) -> None:
    empty = tmp_path / "splatworld-0-py3-none-any.whl"
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("splatworld/__init__.py", "raise ImportError('on purpose')\n")
        archive.writestr("splatworld-0.dist-info/METADATA", "Metadata-Version: 2.1\nName: splatworld\nVersion: 0\n")
        archive.writestr(
            "splatworld-0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("splatworld-0.dist-info/RECORD", "")
    program = f"""
import json, sys
sys.path.insert(0, {str(ROOT / "scripts")!r})
import make_wheel as wheel
try:
    wheel.drawn(wheel.Path({str(empty)!r}), sys.executable, borrow=True)
except wheel.SetupError as why:
    print(json.dumps(str(why)))
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "on purpose" in json.loads(found.stdout)
