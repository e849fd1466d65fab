"""Everything that CI runs: lint, format, types, imports, C++ tests, strict build, tests. Arguments go to pytest.

With nvcc the CUDA kernels are compiled too. No GPU is needed: here their tests run on a build of the same kernels for
the host (`cuda_ext/cuda/simt.h`), and on a GPU `scripts/gpu_check` runs them.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import environment
from environment import BIN, ROOT

PEERS = ROOT / "tests" / "peers" / "package.json"
"""Programs of others that read and write splat files, for the tests of the formats."""
NODE = ROOT / "build" / "node"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")

KERNELS = ROOT / "cuda_ext"
STRICT = ROOT / "build" / "strict"
ARCHITECTURES = "75;90"
"""Of GPUs, to compile for: the oldest, which lacks most, and the one with the most code of its own."""
SANITIZED = ("-std=c++17", "-O1", "-g", "-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all")
WARNED = ("-Wall", "-Wextra", "-Werror")


def main(arguments: Sequence[str]) -> int:
    """Run all checks, pytest last, and return 0 if all of them passed."""
    try:
        python = environment.ready(("app", "dev"), must_compile=True)
        _need_chromium()
        modules = _node_modules()
        failed = [name for name, command in _checks().items() if not _passes(name, command)]
        if failed:
            print(f"FAILED before the tests: {', '.join(failed)}", flush=True)
        built = _emulated_kernels() if "strict build" not in failed else {}
        return _tests([python, "-m", "pytest", *arguments], modules | built) or (1 if failed else 0)
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
        checks["C++ tests"] = _native_tests()
        checks["strict build"] = [_strict_wheel()]
        checks["CUDA kernels under sanitizers"] = _sanitized_kernels()
    return checks


def _native_tests() -> list[list[str | Path]]:
    """Each program of `cuda_ext/tests`, compiled with sanitizers and run; and the shared headers, through nvcc."""
    compiler = os.environ.get("CXX") or next(name for name in environment.COMPILERS if shutil.which(name))
    build, tests = ROOT / "build" / "tests", KERNELS / "tests"
    build.mkdir(parents=True, exist_ok=True)
    include = ["-I", KERNELS, "-I", KERNELS / "include"]
    programs = {
        "maths": [*sorted((tests / "maths").glob("*.cpp"))],
        "records": [tests / "records.cpp", KERNELS / "cpu" / "records.cpp"],
        "simt": ["-DSW_EMULATED", tests / "simt.cpp", KERNELS / "cuda" / "simt.cpp"],
    }
    commands: list[list[str | Path]] = []
    for name, sources in programs.items():
        commands += [[compiler, *SANITIZED, *WARNED, *include, *sources, "-o", build / name], [build / name]]
    if (nvcc := environment.nvcc()) is not None:
        strict = ["-std=c++17", "-Werror", "all-warnings", "-Xcompiler", "-Wall,-Wextra"]
        commands.append([nvcc, *strict, *include, "-c", tests / "maths" / "device.cu", "-o", build / "device.o"])
    return commands


def _strict_wheel() -> list[str | Path]:
    """The kernels with every warning an error, as the wheel that then must install and draw without a compiler."""
    shutil.rmtree(STRICT / "dist", ignore_errors=True)
    options = ["--strict", "--check", "--borrow", "--architectures", ARCHITECTURES, "--build", STRICT]
    return [environment.PYTHON, Path(__file__).with_name("make_wheel.py"), *options, "--out", STRICT / "dist"]


def _sanitized_kernels() -> list[list[str | Path]]:
    """Their build for the host once more, with every access watched, and all tests that take it as `kernels`."""
    compiler = shutil.which(os.environ.get("CXX") or "g++")
    asked = [[compiler, f"-print-file-name={name}"] for name in ("libasan.so", "libubsan.so")] if compiler else []
    runtimes = [subprocess.run(command, capture_output=True, text=True).stdout.strip() for command in asked]
    if not runtimes or not all(Path(runtime).is_absolute() for runtime in runtimes):
        print("(GCC's sanitizers are not here, and their check of the CUDA kernels is left out)", flush=True)
        return []
    build, nanobind = ROOT / "build" / "sanitized", [environment.PYTHON, "-m", "nanobind", "--cmake_dir"]
    options = [f"-Dnanobind_DIR={environment.capture(nanobind).strip()}", f"-DPython_EXECUTABLE={environment.PYTHON}"]
    options += ["-DSW_CUDA=OFF", "-DSW_EMULATED_TESTS=ON", f"-DCMAKE_CXX_FLAGS={' '.join(SANITIZED[2:])}"]
    watched = [f"LD_PRELOAD={' '.join(runtimes)}", f"SPLATWORLD_EMULATED={build / '_cuda_emulated.abi3.so'}"]
    watched.append(
        "ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0"
    )  # Python leaks; fibers have own stacks
    tests = [file for file in sorted((ROOT / "tests").rglob("test_*.py")) if "kernels: ModuleType" in file.read_text()]
    return [
        [BIN / "cmake", "-S", KERNELS, "-B", build, "-G", "Ninja", *options, "--log-level=WARNING"],
        [BIN / "cmake", "--build", build, "--target", "_cuda_emulated"],
        ["env", *watched, environment.PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
    ]


def _emulated_kernels() -> dict[str, str]:
    """Where the CUDA kernels built for the host are, and the wheel; empty where nothing could be compiled."""
    built = {"SPLATWORLD_WHEELS": str(STRICT / "dist")} if (STRICT / "dist").is_dir() else {}
    found = sorted(STRICT.glob("_cuda_emulated*"))
    return built | ({"SPLATWORLD_EMULATED": str(found[0])} if found else {})


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
    """Where the packages of `PEERS` are, installed if npm is here; without node their tests say that they are skipped.

    Their own scripts are not run. In CI their tests fail where they are still missing then.
    """
    modules, npm = NODE / "node_modules", shutil.which("npm")
    wanted: dict[str, str] = json.loads(PEERS.read_text())["dependencies"]
    if npm is not None and any(_version(modules / name) != version for name, version in wanted.items()):
        NODE.mkdir(parents=True, exist_ok=True)
        options = ["--silent", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--prefix", NODE]
        environment.run([npm, "install", *options, *(f"{name}@{version}" for name, version in wanted.items())])
    return {"SPLATWORLD_NODE_MODULES": str(modules)}


def _version(package: Path) -> str | None:
    """Of an installed package of npm; None if it is not there."""
    about = package / "package.json"
    return json.loads(about.read_text())["version"] if about.is_file() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
