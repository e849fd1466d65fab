"""The wheel: built, described, and with --check installed where no compiler is and asked for a picture.

Kernels for the CPU are in it, and for CUDA where nvcc is; with --pure there are none, and no compiler is needed. The
tools are those of the project's `.venv`, so that nothing is fetched.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import environment
from environment import ROOT, SetupError

MODULES = re.compile(r"splatworld/(_\w+)\.(abi3\.)?(so|pyd)")
DRAWN = """
import json, sys, splatworld, torch
splats = splatworld.Splats(torch.tensor([[0.0, 0, 2]]), torch.tensor([[1.0, 0, 0, 0]]), torch.full((1, 3), -1.0),
                           torch.tensor([3.0]), torch.ones(1, 1, 3))
K = torch.tensor([[40.0, 0, 16], [0, 40, 12], [0, 0, 1]])
camera = splatworld.Camera(torch.eye(4)[None], K[None], 32, 24)
picture = splatworld.render(splats, camera)
found = {"file": splatworld.__file__, "python": sys.version.split()[0], "middle": picture.rgb[0, 12, 16].tolist(),
         "backends": splatworld.render.backends()}
for name in sys.argv[1:]:
    __import__("splatworld." + name)
print(json.dumps(found))
"""
"""One splat in front of a camera; every native module named is imported, on a machine without a driver too."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, say what came out, check it if asked; 0 if all went well."""
    asked = _parser().parse_args(arguments)
    try:
        python = environment.ready(("app",))
        wheel = built(python, asked)
        _describe(wheel)
        if asked.check:
            _report(drawn(wheel, asked.python, borrow=asked.borrow))
    except SetupError as why:
        print(f"wheel: {why}", file=sys.stderr)
        return 1
    return 0


def built(python: Path, asked: argparse.Namespace) -> Path:
    """The wheel of this checkout, built into the folder `out`."""
    with tempfile.TemporaryDirectory() as folder:
        build = (asked.build or Path(folder, "build")).resolve()
        options = [f"build-dir={build}", *(f"cmake.define.{name}" for name in _definitions(asked))]
        command = [python, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
        command += ["--quiet", "--wheel-dir", folder, *(f"--config-settings={option}" for option in options), str(ROOT)]
        if environment.run(command, SPLATWORLD_PURE="1" if asked.pure else ""):
            raise SetupError("building failed; what pip said stands above")
        (made,) = Path(folder).glob("*.whl")
        asked.out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy2(made, asked.out / made.name))


def native_modules(wheel: Path) -> dict[str, int]:
    """Compiled modules in a wheel with their sizes in bytes."""
    with zipfile.ZipFile(wheel) as archive:
        files = {info.filename: info.file_size for info in archive.infolist()}
    return {match[1]: size for name, size in files.items() if (match := MODULES.fullmatch(name))}


def drawn(wheel: Path, python: str | Path, *, borrow: bool) -> dict:
    """What the wheel shows in an environment of its own in which there is no compiler.

    `borrow` lends it the packages of the project's `.venv` instead of installing torch and all again.
    """
    with tempfile.TemporaryDirectory() as folder:
        venv, empty = Path(folder, "venv"), Path(folder, "empty")
        empty.mkdir()
        _must([python, "-m", "venv", venv], empty)
        own = _inside(venv)
        install = [
            own,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-c",
            ROOT / "constraints.txt",
        ]
        if borrow:
            _lend(own)
            install.append("--no-deps")
        _must([*install, wheel.resolve()], empty)
        said = _must([own, "-I", "-c", DRAWN, *native_modules(wheel)], empty)
        found = json.loads(said.splitlines()[-1])
        if venv.resolve() not in Path(found["file"]).resolve().parents:
            raise SetupError(f"not the wheel was imported, but {found['file']}")
    return found


def _inside(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _lend(python: Path) -> None:
    """Put the packages of `.venv` behind those of the environment of `python`."""
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    here, theirs = (_must([p, "-c", where], ROOT).strip() for p in (python, environment.PYTHON))
    Path(here, "lent.pth").write_text(theirs + "\n")


def _must(command: Sequence[str | Path], folder: Path) -> str:
    """Run where no compiler can be found; what it printed."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SPLATWORLD_"))}
    bare |= {"PATH": str(Path(command[0]).parent), "CC": "false", "CXX": "false", "CUDACXX": "false"}
    found = subprocess.run(command, cwd=folder, env=bare, capture_output=True, text=True)
    if found.returncode:
        raise SetupError(f"{' '.join(map(str, command[:4]))} ... failed\n{found.stdout}{found.stderr}")
    return found.stdout


def _definitions(asked: argparse.Namespace) -> list[str]:
    """All of them each time: CMake remembers what it was told in a folder that is kept."""
    strict = "ON" if asked.strict else "OFF"
    return [
        f"SW_CUDA={'OFF' if asked.no_cuda else 'AUTO'}",
        f"SW_CUDA_ARCHITECTURES={asked.architectures}",
        f"CMAKE_COMPILE_WARNING_AS_ERROR={strict}",
        f"SW_EMULATED_TESTS={strict}",
    ]


def _describe(wheel: Path) -> None:
    print(f"{wheel} {wheel.stat().st_size / 1e6:.2f} MB")
    for name, size in native_modules(wheel).items():
        print(f"  {name:<8}{size / 1e6:8.2f} MB")


def _report(found: dict) -> None:
    colour = ", ".join(f"{value:.3f}" for value in found["middle"])
    print(f"drawn by Python {found['python']} without a compiler: ({colour})")
    for name, reason in found["backends"].items():
        print(f"  {name:<12}{'ready' if reason is None else reason}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/wheel", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist", metavar="FOLDER", help="default: dist")
    parser.add_argument("--build", type=Path, metavar="FOLDER", help="kept for the next time (default: a passing one)")
    parser.add_argument("--pure", action="store_true", help="no kernels at all, for any platform")
    parser.add_argument("--no-cuda", action="store_true", help="no CUDA kernels, even where nvcc is")
    parser.add_argument(
        "--architectures", default="", metavar="LIST", help="of GPUs, as CMake wants them: '80;90' (default: all)"
    )
    parser.add_argument(
        "--strict", action="store_true", help="warnings are errors; the kernels' emulation is built too"
    )
    parser.add_argument("--check", action="store_true", help="install the wheel apart and draw")
    parser.add_argument("--borrow", action="store_true", help="check with the packages of .venv instead of new ones")
    parser.add_argument(
        "--python", default=sys.executable, metavar="FILE", help="that checks; of the same version to borrow"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
