"""Everything that CI runs: lint, format, types, import contract, compiler warnings, tests. Arguments go to pytest."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import environment
from environment import BIN, ROOT

THREE = "three@0.187"
"""An independent reader of splat files, for the tests of the formats."""
NODE = ROOT / "build" / "node"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


def main(arguments: Sequence[str]) -> int:
    """Run all checks, pytest last, and return 0 if all of them passed."""
    try:
        python = environment.ready(("app", "dev"), must_compile=True)
        _need_chromium()
        modules = _node_modules()
        failed = [name for name, command in _checks().items() if not _passes(name, command)]
        if failed:
            print(f"FAILED before the tests: {', '.join(failed)}", flush=True)
        return _tests([python, "-m", "pytest", *arguments], modules) or (1 if failed else 0)
    except environment.SetupError as why:
        print(f"test: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1


def _tests(command: Sequence[str | Path], modules: dict[str, str]) -> int:
    """Run pytest, whose closing line comes last: what libraries say while the process ends is kept for crashes."""
    print("== pytest", flush=True)
    said = ROOT / "build" / "pytest-stderr.log"
    said.parent.mkdir(exist_ok=True)
    with said.open("w") as stderr:
        code = environment.finished([environment.start(command, stderr=stderr, **modules)])
    if code not in (0, 1):
        sys.stderr.write(said.read_text(errors="replace"))
    return code


def _checks() -> dict[str, list[list[str | Path]]]:
    """Commands by the name of the check; a check passes if all of its commands do."""
    checks: dict[str, list[list[str | Path]]] = {
        "lint": [[BIN / "ruff", "check", "."]],
        "format": [[BIN / "ruff", "format", "--check", "."]],
        "types": [[BIN / "pyright"]],
        "import contract": [[BIN / "lint-imports"]],
    }
    if environment.no_compiler() is None:
        checks["compiler warnings"] = _strict_build()
    return checks


def _strict_build() -> list[list[str | Path]]:
    """The kernels, compiled with every warning an error."""
    asked = [environment.PYTHON, "-m", "nanobind", "--cmake_dir"]
    nanobind = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    build = ROOT / "build" / "strict"
    options = ["-DCMAKE_COMPILE_WARNING_AS_ERROR=ON", f"-Dnanobind_DIR={nanobind}", "--log-level=WARNING"]
    options.append(f"-DPython_EXECUTABLE={environment.PYTHON}")
    configure = [BIN / "cmake", "-S", ROOT / "cuda_ext", "-B", build, "-G", "Ninja", *options]
    return [configure, [BIN / "cmake", "--build", build]]


def _passes(name: str, commands: list[list[str | Path]]) -> bool:
    print(f"== {name}", flush=True)
    return all(environment.run(command) == 0 for command in commands)


def _need_chromium() -> None:
    """In CI, install the browser; elsewhere its tests say that they are skipped, and why."""
    if any(shutil.which(name) for name in CHROMIUMS):
        return
    if os.environ.get("CI") == "true" and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        environment.run(["apt-get", "-qq", "update"], **quiet)
        environment.run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", "chromium"], **quiet)


def _node_modules() -> dict[str, str]:
    """Where `THREE` is, installed if npm is here; empty otherwise, and its tests are skipped with the reason."""
    modules = NODE / "node_modules"
    npm = shutil.which("npm")
    if not (modules / "three").is_dir() and npm is not None:
        NODE.mkdir(parents=True, exist_ok=True)
        environment.run([npm, "install", "--silent", "--no-audit", "--no-fund", "--no-save", "--prefix", NODE, THREE])
    return {"SPLATWORLD_NODE_MODULES": str(modules)} if (modules / "three").is_dir() else {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
