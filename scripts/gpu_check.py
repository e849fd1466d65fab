"""All that only a GPU can show, in one call: the build for it, its tests, compute-sanitizer, the bench beside gsplat.

Needs no network: a Python with torch for CUDA, nvcc and CMake. What else is missing comes from a folder of wheels, as
does gsplat 1.5.3. Every part has a share of the time and is cut, and says so, when that is spent. Ends with a table,
and with the aims for speed and memory and what became of them; the exit code tells of errors, not of aims.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bench
import bench_plan
import environment
import gpu_aims
from environment import ROOT

PLACE = ROOT / "build" / "gpu"
SITE = PLACE / "site"
"""The package with the modules built for this GPU; the checkout itself is left alone."""
PACKAGES = PLACE / "packages"
NOT_EDITABLE = """
# An editable installation of the checkout would be found before this folder.
import sys
sys.meta_path[:] = [f for f in sys.meta_path if type(f).__name__ != "ScikitBuildRedirectingFinder"]
"""
"""For `sitecustomize`, which Python runs when it starts."""
NEEDED = {
    "torch": "2.5",
    "numpy": "1.26",
    "msgspec": "0.19",
    "jaxtyping": "0.2.36",
    "beartype": "0.19",
    "nanobind": "3.0",
    "nanobind-backend": "1.0",
    "pytest": "8",
    "hypothesis": "6.100",
}
MISSING = """
import importlib.metadata as m, json, sys
def numbers(text): return [int(part) for part in text.split("+")[0].split(".")[:3] if part.isdigit()]
def lacks(name, least):
    try: return numbers(m.version(name)) < numbers(least)
    except m.PackageNotFoundError: return True
print(json.dumps([name for name, least in json.loads(sys.argv[1]).items() if lacks(name, least)]))
"""
DEVICE = """
import torch
problem = "torch " + torch.__version__ + " was built without CUDA" if torch.version.cuda is None else None
if problem is None and not torch.cuda.is_available(): problem = "torch sees no GPU"
if problem: raise SystemExit(problem)
p = torch.cuda.get_device_properties(0)
print(f"{p.name}, {p.total_memory / 2**30:.0f} GiB, sm_{p.major}{p.minor}, torch {torch.__version__}")
"""
PARTS = (
    bench_plan.Part("one", ("16p",)),
    bench_plan.Part("garden-5x5", ("1080p",), ("forward", "backward", "frame")),
    bench_plan.Part("trained-1m", ("1080p",), ("forward", "backward", "step", "frame")),
    bench_plan.Part("small-10k", ("360p",), ("forward", "backward", "step")),
    bench_plan.Part("garden-1x1", ("1080p",), ("forward",)),
    bench_plan.Part("scan", ("1080p",), ("forward", "backward")),
)


@dataclass
class Check:
    """One run of this script."""

    python: Path
    architectures: str
    deadline: float
    """Of `time.monotonic`."""
    out: Path | None = None
    table: list[tuple[str, str, float, str]] = field(default_factory=list)
    rows: list[bench_plan.Row] = field(default_factory=list)

    def left(self, share: float = float("inf")) -> float:
        """Seconds for a part that should take no more than `share`."""
        return max(1.0, min(share, self.deadline - time.monotonic()))

    def note(self, part: str, result: str, began: float, detail: str = "") -> bool:
        """Keep a line of the table; was it a success?"""
        seconds = time.monotonic() - began
        self.table.append((part, result, seconds, detail))
        print(f"-- {part}: {result} ({seconds:.0f} s) {detail}", flush=True)
        return result in ("passed", "skipped")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts in turn; 0 if none of them failed."""
    asked = _parser().parse_args(arguments)
    python = Path(asked.python or (environment.PYTHON if environment.PYTHON.exists() else sys.executable))
    check = Check(python, asked.architectures or "native", time.monotonic() + 60 * asked.minutes, asked.out)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(SITE), str(PACKAGES)])
    try:
        if not asked.build_only:
            print(_device(python), flush=True)
        _need_packages(check, asked.wheels)
    except environment.SetupError as why:
        print(f"gpu_check: {why}", file=sys.stderr)
        return 1
    rival = None if asked.build_only else _prepare_gsplat(check)
    good = _build(check)
    if good and not asked.build_only:
        good = _tests(check)
        good &= _sanitizer(check, "memcheck") & _sanitizer(check, "racecheck")
        good &= _bench(check, rival)
    _finish(check)
    return 0 if good else 1


def _device(python: Path) -> str:
    found = subprocess.run([python, "-c", DEVICE], capture_output=True, text=True)
    if found.returncode:
        why = found.stderr.strip().splitlines()[-1] if found.stderr.strip() else "torch does not start"
        raise environment.SetupError(f"there is no GPU to check with ({why}); nothing was run")
    return found.stdout.strip()


def _need_packages(check: Check, wheels: Path | None) -> None:
    """Install the wheels given, apart; then nothing may be missing."""
    if wheels is not None:
        files = sorted(wheels.glob("*.whl"))
        if not files:
            raise environment.SetupError(f"there are no wheels in {wheels}")
        shutil.rmtree(PACKAGES, ignore_errors=True)
        command = [check.python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", PACKAGES]
        if subprocess.run([*command, *files]).returncode:
            raise environment.SetupError(f"the wheels in {wheels} could not be installed; what pip said stands above")
    found = subprocess.run([check.python, "-c", MISSING, json.dumps(NEEDED)], capture_output=True, text=True)
    missing = json.loads(found.stdout) if found.returncode == 0 else list(NEEDED)
    if missing:
        named = " ".join(f"'{name}>={NEEDED[name]}'" for name in missing)
        raise environment.SetupError(
            f"{check.python} lacks {named}; fetch wheels for it elsewhere (pip download --no-deps -d wheels ...) "
            "and name their folder: --wheels wheels"
        )


def _prepare_gsplat(check: Check) -> subprocess.Popen[bytes] | None:
    """Start compiling gsplat's kernels, which takes minutes, beside everything else; None where it is not here."""
    if subprocess.run([check.python, "-c", "import gsplat"], capture_output=True).returncode:
        return None
    log = (PLACE / "gsplat.log").open("w")
    command = [check.python, "-c", "from gsplat.cuda._backend import _C; assert _C is not None"]
    return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def _build(check: Check) -> bool:
    """Both modules, into a copy of the package."""
    began, build = time.monotonic(), PLACE / "build"
    cmake = shutil.which("cmake", path=os.pathsep.join([str(environment.BIN), os.environ.get("PATH", "")]))
    if cmake is None or environment.nvcc() is None:
        return check.note("build", "FAILED", began, f"there is no {'cmake' if cmake is None else 'nvcc'} here")
    asked = subprocess.run([check.python, "-m", "nanobind", "--cmake_dir"], capture_output=True, text=True)
    options = [
        "-DSW_CUDA=ON",
        f"-DSW_CUDA_ARCHITECTURES={check.architectures}",
        f"-Dnanobind_DIR={asked.stdout.strip()}",
    ]
    options += [f"-DPython_EXECUTABLE={check.python}", "--log-level=WARNING"]
    options += ["-G", "Ninja"] if shutil.which("ninja") or (environment.BIN / "ninja").exists() else []
    for name in ("splatworld", "viewer/splatworld_viewer"):
        shutil.copytree(ROOT / name, SITE / Path(name).name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.so"))
    (SITE / "sitecustomize.py").write_text(NOT_EDITABLE)
    commands = [
        [cmake, "-S", ROOT / "cuda_ext", "-B", build, *options],
        [cmake, "--build", build, "--parallel", str(os.cpu_count() or 1)],
        [cmake, "--install", build, "--prefix", SITE],
    ]
    for command in commands:
        code = _run(command, check.left(240))
        if code != 0:
            return check.note("build", "cut" if code is None else "FAILED", began, " ".join(map(str, command[1:3])))
    built = ", ".join(f"{file.name} {file.stat().st_size / 1e6:.2f} MB" for file in SITE.glob("splatworld/_*.so"))
    return check.note("build", "passed", began, built)


def _tests(check: Check) -> bool:
    began, log = time.monotonic(), PLACE / "pytest.log"
    folders = [folder for folder in (ROOT / "tests" / "render", ROOT / "tests" / "optimize") if folder.is_dir()]
    code = _run([*_pytest(check), "-m", "gpu", *folders], check.left(150), log)
    said = log.read_text(errors="replace")
    if code:
        print(said[-6000:])
    return check.note("pytest -m gpu", _result(code), began, (said.strip().splitlines() or [""])[-1].strip("= "))


def _pytest(check: Check) -> list[str | Path]:
    """Imports from `SITE`, and not from the checkout. Another torch than elsewhere may warn: that is no error here."""
    return [check.python, "-P", "-m", "pytest", "-q", "-o", "filterwarnings=default", "-p", "no:cacheprovider"]


def _sanitizer(check: Check, tool: str) -> bool:
    """A small case, there and back, under compute-sanitizer; torch keeps no memory, so that strays are seen."""
    began, log = time.monotonic(), PLACE / f"{tool}.log"
    compiler = environment.nvcc()
    beside = "" if compiler is None else str(compiler.resolve().parent)
    program = shutil.which("compute-sanitizer") or shutil.which("compute-sanitizer", path=beside)
    if program is None:
        return check.note(tool, "skipped", began, "there is no compute-sanitizer here")
    case = [*_pytest(check), ROOT / "tests" / "render" / "test_gpu.py", "-k", "sanitizer"]
    command = [program, "--tool", tool, "--error-exitcode", "9", *case]
    code = _run(command, check.left(90), log, PYTORCH_NO_CUDA_MEMORY_CACHING="1")
    said = log.read_text(errors="replace")
    if code:
        print(said[-4000:])
    summary = [line for line in said.splitlines() if "SUMMARY" in line]
    return check.note(tool, _result(code), began, summary[-1].strip("= ") if summary else "")


def _bench(check: Check, rival: subprocess.Popen[bytes] | None) -> bool:
    began = time.monotonic()
    beside, detail = _wait_for_gsplat(check, rival)
    plan = bench_plan.Asked(parts=PARTS, seconds=0.5, backends=("cuda", *beside), deadline=check.deadline - 30)
    print(bench_plan.HEADING)
    try:
        for row in bench_plan.rows(check.python, plan):
            check.rows.append(row)
            print(bench_plan.line(row), flush=True)
    except environment.SetupError as why:
        return check.note("bench", "FAILED", began, str(why))
    cut = any(str(row.get("no", "")).startswith("cut") for row in check.rows)
    return check.note("bench", "cut" if cut else "passed", began, detail) or cut


def _wait_for_gsplat(check: Check, rival: subprocess.Popen[bytes] | None) -> tuple[tuple[str, ...], str]:
    """Backends to measure beside ours; leaves two minutes for the bench itself."""
    if rival is None:
        return (), "without gsplat, which is not installed"
    try:
        code = rival.wait(max(1.0, check.left() - 120))
    except subprocess.TimeoutExpired:
        _end(rival)
        code = None
    if code == 0:
        return ("gsplat", "gsplat-packed"), "beside gsplat"
    return (), f"without gsplat, whose kernels {'took too long to compile' if code is None else 'do not compile here'}"


def _finish(check: Check) -> None:
    print(f"\n{'part':<16}{'result':<10}{'seconds':>8}  detail")
    for part, result, seconds, detail in check.table:
        print(f"{part:<16}{result:<10}{seconds:>8.0f}  {detail}")
    aims = gpu_aims.judged(check.rows)
    if check.rows:
        print(f"\n{'aim':<58}{'wanted':>10}{'found':>10}  result")
        for aim in aims:
            print(aim)
    if check.out is not None:
        found = {**bench.where(), "parts": check.table, "rows": check.rows, "aims": [str(aim) for aim in aims]}
        check.out.write_text(json.dumps(found, indent=1))


def _run(command: Sequence[str | Path], seconds: float, log: Path | None = None, **more: str) -> int | None:
    """The exit code; None where the time ran out, and then nothing of it is left running."""
    with (log or Path(os.devnull)).open("w") as file:
        output = file if log is not None else None
        child = environment.start(command, stdout=output, stderr=output, new_session=True, **more)
        try:
            return child.wait(seconds)
        except subprocess.TimeoutExpired:
            _end(child)
            return None


def _end(child: subprocess.Popen[bytes]) -> None:
    """It and its children."""
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _result(code: int | None) -> str:
    return "cut" if code is None else "passed" if code == 0 else "FAILED"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/gpu_check", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=8.5, help="all of it ends within these (default: 8.5)")
    parser.add_argument(
        "--wheels", type=Path, metavar="FOLDER", help="packages that are missing here; gsplat if wanted"
    )
    parser.add_argument("--python", metavar="FILE", help="that holds torch for CUDA (default: .venv's, or this one)")
    parser.add_argument("--architectures", metavar="LIST", help="to build for (default: this machine's GPU)")
    parser.add_argument(
        "--build-only", action="store_true", help="only build; needs no GPU if --architectures is given"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="for everything, as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
