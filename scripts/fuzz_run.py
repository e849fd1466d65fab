"""Reads broken files, many a second, and keeps every one that ends otherwise than it should.

Each reader is tried in a process of its own, which is watched from outside: a crash, a reader that hangs and memory
beyond the limit are seen whatever happened in it. An input is known by the seed and its number, so nothing has to be
written down before it fails. `--guided` lets atheris choose, by the code that was reached, what is broken further.
"""

import argparse
import contextlib
import ctypes
import hashlib
import importlib
import importlib.util
import inspect
import json
import multiprocessing
import os
import random
import re
import resource
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import Never

import torch

from fuzz_cases import Case, cases, names
from fuzz_mutations import BYTES_MAX, mutated
from fuzz_outcome import Failure, outcome
from splatworld import formats
from splatworld.formats import surfels

HANGING_S = 15.0
"""Of the clock, after which a process is ended from outside."""
ADDRESSES_MAX = 4 << 30
"""More than before, for a process; what asks for more fails at once and harms nobody."""
INPUTS_PER_PROCESS = 20_000
"""Then a fresh one goes on, so that slow growth of memory is not laid to one input."""
WRITTEN_EVERY = 16
"""One in so many of the worlds that were read is written again."""
FAILURES_SHOWN = 20
_FORK = multiprocessing.get_context("fork")

Failures = dict[str, tuple[int, str, bytes]]
"""By what is common to the failures of one cause: the number of the first input, what happened, and the input."""


@dataclass
class Result:
    """What became of the inputs of one reader."""

    name: str
    inputs: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    """`accepted`, `failed`, and kinds of errors."""
    failures: Failures = field(default_factory=dict)
    seconds: float = 0.0


def main(arguments: Sequence[str]) -> int:
    """Try the readers asked for; 1 if any input failed."""
    asked = _parser().parse_args(arguments)
    if asked.guided and importlib.util.find_spec("atheris") is None:
        print("fuzz: --guided needs atheris, which is not installed here", file=sys.stderr)
        return 2
    torch.set_num_threads(1)  # before the first fork: threads would not survive it
    formats.unavailable()  # so that no process has to import them anew, or what meshes need
    with contextlib.suppress(ImportError):
        importlib.import_module("open3d")
    surfels.COUNT, surfels.FINENESS = 200, 10  # splats of a mesh: to spread many takes time, and teaches nothing here
    if missing := set(asked.format) - set(names()):
        print(f"fuzz: there is no reader {', '.join(sorted(missing))}; known are {', '.join(names())}", file=sys.stderr)
        return 2
    with ProcessPoolExecutor(1, mp_context=_FORK) as apart:  # as some writers leave threads behind
        chosen = apart.submit(cases, asked.format or names()).result()
    print(f"{'reader':<16}{'inputs':>10}{'per s':>8}{'accepted':>10}{'failed':>8}  refused", flush=True)
    with ThreadPoolExecutor(max(asked.jobs, 1)) as pool:  # the threads only wait for their processes
        results = [_told(result) for result in pool.map(lambda case: _tried(case, asked), chosen)]
    if asked.json:
        rows = [{**vars(result), "failures": len(result.failures)} for result in results]
        asked.json.write_text(json.dumps({"seed": asked.seed, "guided": asked.guided, "readers": rows}, indent=1))
    sentences = [_kept(case, *found, asked) for case, result in zip(chosen, results, strict=True)
                 for found in result.failures.values()]  # fmt: skip
    print(f"{sum(result.inputs for result in results):,} inputs, {len(sentences):,} kinds of failures", flush=True)
    print("".join(f"{sentence}\n" for sentence in sentences[:FAILURES_SHOWN]), end="")
    return 1 if sentences else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--format", action="append", default=[], metavar="NAME", help="only this reader; repeat it")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each reader (default: 10)")
    parser.add_argument("--inputs", type=int, default=sys.maxsize, help="at most so many for each reader")
    parser.add_argument("--seed", type=int, default=0, help="another number makes other inputs")
    parser.add_argument("--jobs", type=int, default=1, help="readers tried at once")
    parser.add_argument("--guided", action="store_true", help="let atheris choose by the code that was reached")
    parser.add_argument("--out", type=Path, default=Path("out/fuzz"), help="folder for the inputs that failed")
    parser.add_argument("--json", type=Path, help="write the counts to this file")
    return parser


def _told(result: Result) -> Result:
    kinds = ", ".join(f"{kind} {n:,}" for kind, n in result.kinds.most_common() if kind not in ("accepted", "failed"))
    print(f"{result.name:<16}{result.inputs:>10,}{result.inputs / max(result.seconds, 1e-3):>8,.0f}"
          f"{result.kinds['accepted']:>10,}{result.kinds['failed']:>8,}  {kinds}", flush=True)  # fmt: skip
    return result


def _kept(case: Case, number: int, why: str, data: bytes, asked: argparse.Namespace) -> str:
    """Save an input that failed, with all that is needed to read it again; the sentence about it."""
    folder = asked.out / case.name / hashlib.sha256(data).hexdigest()[:12]
    for name, content in {**case.beside, case.file: data}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "why.txt").write_text(f"seed {asked.seed}, input {number}\n{why}\n")
    return f"{case.name}: {why.strip().splitlines()[-1][:200]} ({folder / case.file})"


# --- watching


@dataclass(frozen=True)
class Task:
    """What a process is to do."""

    case: Case
    path: Path
    """Where the inputs are put, one after the other."""
    seed: int
    inputs: range
    until: float
    """On the clock of `time.monotonic`."""


class _Report:
    """What a process tells while it works: in memory that outlives it."""

    def __init__(self) -> None:
        self.number = _FORK.RawValue(ctypes.c_longlong, 0)
        """Of the input that is being read."""
        self.since = _FORK.RawValue(ctypes.c_double, time.monotonic())
        self.receiver, self.sender = _FORK.Pipe(duplex=False)

    def begin(self, number: int) -> None:
        self.number.value, self.since.value = number, time.monotonic()


def _tried(case: Case, asked: argparse.Namespace) -> Result:
    """One reader for its time: processes one after the other, each going on behind the input that the last came to."""
    result, began, first = Result(case.name), time.monotonic(), 0
    work = _guided if asked.guided else _in_turn
    with _placed(case) as path:
        while first < asked.inputs and time.monotonic() - began < asked.seconds:
            inputs = range(first, min(first + INPUTS_PER_PROCESS, asked.inputs))
            task = Task(case, path, asked.seed, inputs, began + asked.seconds)
            kinds, failures, ended, reached = _watched(work, task)
            if ended:
                failures[ended] = reached, ended, path.read_bytes()
                kinds["failed"] += 1
                reached += 1
            result.kinds += kinds
            result.failures = failures | result.failures
            result.inputs += reached - first
            first = reached
    result.seconds = time.monotonic() - began
    return result


Work = Callable[[Task, _Report], None]


def _watched(work: Work, task: Task) -> tuple[Counter[str], Failures, str | None, int]:
    """Do the work in a process: what it counted, what failed, how it was ended if it was, the input it came to."""
    report = _Report()
    process = _FORK.Process(target=_child, args=(work, task, report))
    report.begin(task.inputs.start)
    process.start()
    report.sender.close()
    found: tuple[Counter[str], Failures] = Counter(), {}
    ended = None
    while not report.receiver.poll(0.2):
        if time.monotonic() - report.since.value > HANGING_S:
            process.kill()
            ended = f"hangs: not done after {HANGING_S:.0f} s"
            break
    else:
        with contextlib.suppress(EOFError):
            found = report.receiver.recv()
    process.join()
    if ended is None and process.exitcode:
        ended = f"its process ended with {process.exitcode}"
    return *found, ended, report.number.value


def _child(work: Work, task: Task, report: _Report) -> Never:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ADDRESSES_MAX,) * 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries in C say there what they think of a file
    warnings.simplefilter("error")  # noise for users, and often the trace of a value nobody looked at
    work(task, report)
    os._exit(0)


# --- inputs


def told_input(case: Case, seed: int, number: int) -> bytes:
    """Input `number` of a reader: the sound files come first, then broken ones."""
    if number < len(case.seeds):
        return case.seeds[number]
    rng = random.Random(f"{seed} {case.name} {number}")
    return mutated(rng.choice(case.seeds), rng, case.seeds)


class _Try:
    """Reads one input after the other, and counts."""

    def __init__(self, task: Task, report: _Report) -> None:
        self.task, self.report = task, report
        self.number = task.inputs.start
        self.kinds: Counter[str] = Counter()
        self.failures: Failures = {}

    def once(self, data: bytes) -> bool:
        """Read the next input; False if that was the last one, and all is told."""
        try:
            kind = outcome(self.task.path, data, again=self.number % WRITTEN_EVERY == 0)
        except Failure as why:
            kind, text = "failed", str(why)
            self.failures.setdefault(re.sub(r"[\d.]+|'.*'", "#", text), (self.number, text, data))
        self.kinds[kind] += 1
        self.number += 1
        self.report.begin(self.number)
        if self.number < self.task.inputs.stop and time.monotonic() < self.task.until:
            return True
        self.report.sender.send((self.kinds, self.failures))
        return False


def _in_turn(task: Task, report: _Report) -> None:
    """Inputs by their numbers, until the time is over."""
    tried = _Try(task, report)
    while tried.once(told_input(task.case, task.seed, tried.number)):
        pass


def _guided(task: Task, report: _Report) -> None:
    """Inputs of atheris, which breaks those further that reached new code."""
    import atheris

    seeds, tried = task.case.seeds, _Try(task, report)
    rng = random.Random(f"{task.seed} {task.case.name} {task.inputs.start}")

    def change(data: bytes, length: int, number: int) -> bytes:
        return mutated(data, rng, seeds)[:length]

    def once(data: bytes) -> None:
        if not tried.once(data):
            os._exit(0)  # atheris has no other end

    corpus = task.path.parent / "corpus"
    corpus.mkdir(exist_ok=True)
    for i, data in enumerate(seeds):
        (corpus / f"{i:04}").write_bytes(data)
    for function in _readers():
        atheris.instrument_func(function)
    options = [f"-seed={task.seed + 1}", f"-max_len={BYTES_MAX}", f"-artifact_prefix={corpus}/"]
    options += ["-len_control=0", "-timeout=600", "-rss_limit_mb=0"]  # all three are watched here
    atheris.Setup(["fuzz", *options, str(corpus)], once, custom_mutator=change)
    atheris.Fuzz()


def _readers() -> Iterator[FunctionType]:
    """The functions of the modules that read files; others only cost time to watch."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("splatworld.formats", "splatworld.document", "splatworld.soundness")):
            own = (value for value in vars(module).values() if getattr(value, "__module__", None) == name)
            yield from {inspect.unwrap(value) for value in own if isinstance(value, FunctionType)}


@contextlib.contextmanager
def _placed(case: Case) -> Iterator[Path]:
    """The path of the inputs, in a folder that is gone afterwards; in memory where the system has such a place."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None, prefix="fuzz"))
    try:
        for name, content in case.beside.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        yield folder / case.file
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
