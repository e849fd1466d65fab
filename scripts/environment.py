"""The project's own `.venv`, made once and kept: `scripts/demo`, `scripts/test` and `scripts/make_gallery` run in it.

Standard library only, as this runs before anything is installed. The project is installed editable: changed Python is
seen at once, and a new file, changed native code or changed requirements are noticed here and installed again. Versions
come from `constraints.txt`, so that no run pulls another torch than the tests ran with.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "splatworld-installed.json"
LOG = VENV / "install.log"
BUILD_TOOLS = ("scikit-build-core", "nanobind", "cmake", "ninja")
COMPILERS = ("c++", "g++", "clang++", "cl")
NO_CUDA = ["SW_CUDA=OFF"]
SHOWN = ("Downloading", "Building", "Installing collected", "Preparing")
LOG_LINES_SHOWN = 25


class SetupError(Exception):
    """The environment cannot be made, in a sentence for the user."""


def ready(extras: Iterable[str], *, must_compile: bool = False) -> Path:
    """The Python of an environment that holds the project with `extras`; installs what is missing or has changed.

    Without a C++ compiler the kernels are left out and pictures are drawn by the slower reference in torch. A compiler
    that fails is an error if `must_compile`, and else treated as none.

    Raises `SetupError`.
    """
    before = _stamp()
    wanted = sorted({*extras, *before.get("extras", ())})
    without = no_compiler()
    found = {"extras": wanted, "sources": _fingerprint(), "pure": without is not None, "cuda": _for_cuda()}
    if before == found and PYTHON.exists():
        return PYTHON
    began = time.monotonic()
    why = "the project has changed" if before else "the first time this takes some minutes"
    print(f"Installing into .venv ({why}) ...", file=sys.stderr, flush=True)
    _make_venv()
    STAMP.unlink(missing_ok=True)
    LOG.unlink(missing_ok=True)
    if without is not None:
        _say_pure(without)
    _install(wanted, found["cuda"], pure=without is not None, may_fall_back=not must_compile)
    STAMP.write_text(json.dumps(found))
    print(f"Installed in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return PYTHON


def run(command: Sequence[str | Path], **environment: str) -> int:
    """Run a command in the root of the project with the environment's tools first in the path; its exit code."""
    return finished([start(command, **environment)])


def capture(command: Sequence[str | Path]) -> str:
    """What a command of the environment prints.

    Raises `SetupError` if it fails, with what it said.
    """
    child = start(command, stdout=subprocess.PIPE)
    said, _ = child.communicate()
    if child.returncode:
        raise SetupError(f"{' '.join(map(str, command))} ended with {child.returncode}")
    return said.decode(errors="replace")


def start(
    command: Sequence[str | Path],
    *,
    stdout: IO[str] | int | None = None,
    stderr: IO[str] | None = None,
    new_session: bool = False,
    **more: str,
) -> subprocess.Popen[bytes]:
    """Begin a command as `run` does and do not wait; its output may go elsewhere.

    In a `new_session` it can be ended with all that it starts, and Ctrl-C does not reach it.
    """
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    variables = {**os.environ, **_for_cmake(), "PATH": path, **more}
    return subprocess.Popen(
        command, cwd=ROOT, env=variables, stdout=stdout, stderr=stderr, start_new_session=new_session
    )


def finished(processes: Sequence[subprocess.Popen[bytes]]) -> int:
    """Wait for all; the first exit code that is not 0. Ctrl-C reaches them too, and they get the time to tidy up."""
    try:
        return next((code for code in [process.wait() for process in processes] if code), 0)
    except KeyboardInterrupt:
        for process in processes:
            process.wait()
        raise


def _stamp() -> dict:
    """What the last complete installation was made from; empty if there is none."""
    try:
        return json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}


def _fingerprint() -> str:
    """Changes with everything that an editable installation does not see by itself."""
    digest = hashlib.sha256(f"{ROOT} {sys.version}".encode())
    whole = [ROOT / "pyproject.toml", ROOT / "constraints.txt", *_files("cuda_ext")]
    names = [*_files("splatworld"), *_files("viewer")]
    for file in whole:
        digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    digest.update("\0".join(str(file.relative_to(ROOT)) for file in names).encode())
    return digest.hexdigest()


def _files(folder: str) -> list[Path]:
    found = (f for f in (ROOT / folder).rglob("*") if f.is_file() and "__pycache__" not in f.parts)
    return sorted(f for f in found if f.suffix not in (".so", ".pyd"))


def no_compiler() -> str | None:
    """Why the kernels cannot be compiled here, or None."""
    if os.environ.get("SPLATWORLD_PURE") == "1":
        return "SPLATWORLD_PURE=1 is set"
    if not os.environ.get("CXX") and not any(shutil.which(name) for name in COMPILERS):
        return "there is no C++ compiler here"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "Python's headers are missing (on Debian and Ubuntu: apt install python3-dev)"
    return None


def nvcc() -> Path | None:
    """CUDA's compiler: on the path, or where CUDACXX or CUDA_HOME says."""
    home = os.environ.get("CUDA_HOME", "")
    found = os.environ.get("CUDACXX") or shutil.which("nvcc") or shutil.which("nvcc", path=os.path.join(home, "bin"))
    return Path(found) if found else None


def _for_cmake() -> dict[str, str]:
    """CMake looks for nvcc on the path only, and where this variable says."""
    found = nvcc()
    return {} if found is None else {"CUDACXX": str(found)}


def _for_cuda() -> list[str]:
    """What CMake is told about CUDA: kernels for this machine's own GPU, or none where there is none to run them."""
    driver = shutil.which("nvidia-smi")
    if nvcc() is None or driver is None or subprocess.run([driver, "-L"], capture_output=True).returncode:
        return NO_CUDA
    return ["SW_CUDA=ON", "SW_CUDA_ARCHITECTURES=native"]


def _say_pure(reason: str) -> None:
    print(
        f"Note: {reason}, so the CPU kernels are left out. Everything works, but pictures take far longer to draw.",
        file=sys.stderr,
        flush=True,
    )


def _make_venv() -> None:
    if PYTHON.exists():
        return
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        raise SetupError(
            f"{sys.executable} cannot make virtual environments; install its venv module "
            "(on Debian and Ubuntu: apt install python3-venv)"
        )
    if subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], stdout=subprocess.DEVNULL).returncode:
        raise SetupError(f"{sys.executable} could not make {VENV}; what it said stands above")


def _install(extras: Sequence[str], cuda: list[str], *, pure: bool, may_fall_back: bool) -> None:
    """Build tools first, so that later builds need no network; then the project, with fewer kernels if it must."""
    if not _pip(BUILD_TOOLS) or (pure and not _editable(extras, NO_CUDA, pure=True)):
        raise SetupError(_failed())
    if pure or _editable(extras, cuda):
        return
    if not may_fall_back or "CMake" not in LOG.read_text(errors="replace"):
        raise SetupError(_failed())
    if cuda != NO_CUDA:
        print(f"Note: compiling for the GPU failed ({LOG} says why); it is left alone.", file=sys.stderr, flush=True)
        if _editable(extras, NO_CUDA):
            return
    _say_pure(f"compiling failed ({LOG} says why)")
    if not _editable(extras, NO_CUDA, pure=True):
        raise SetupError(_failed())


def _editable(extras: Sequence[str], definitions: Sequence[str], *, pure: bool = False) -> bool:
    """Install the project so that it is used where it lies."""
    settings = [f"--config-settings=cmake.define.{definition}" for definition in definitions]
    project = ["--no-build-isolation", *settings, "--editable", f".[{','.join(extras)}]"]
    return _pip(project, SPLATWORLD_PURE="1" if pure else "")


def _failed() -> str:
    tail = LOG.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    return "\n".join([*tail, f"installing failed; the whole log is {LOG}"])


def _pip(what: Sequence[str], **environment: str) -> bool:
    """Install under the constraints; the log goes to `LOG`, its milestones to the terminal."""
    command = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-c", "constraints.txt"]
    pip = subprocess.Popen(
        [*command, *what],
        cwd=ROOT,
        env={**os.environ, **_for_cmake(), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert pip.stdout is not None
    with pip, LOG.open("a") as log:
        for line in pip.stdout:
            log.write(line)
            if line.lstrip().startswith(SHOWN):
                _milestone(line.strip())
    _milestone("")
    return pip.returncode == 0


def _milestone(text: str) -> None:
    """One line that is written over, on a terminal only."""
    if sys.stderr.isatty():
        print("\r\033[K" + text[: shutil.get_terminal_size().columns - 1], end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        ready(sys.argv[1:])
    except SetupError as reason:
        sys.exit(f"{Path(sys.argv[0]).name}: {reason}")
