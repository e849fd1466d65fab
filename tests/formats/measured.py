"""Run as a program: what reading each of some files takes, in a process of its own. Prints a line of JSON for each."""

import json
import os
import resource
import sys
import time
from pathlib import Path

import torch

from splatworld import formats
from splatworld.errors import SplatworldError


def main(paths: list[str]) -> None:
    torch.set_num_threads(1)
    formats.unavailable()  # so that the first one does not pay for the imports
    for path in paths:
        child = os.fork()
        if not child:
            print(json.dumps(measured(Path(path))), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            print(json.dumps({"name": Path(path).name, "kind": f"the process ended with {status}"}), flush=True)


def measured(path: Path) -> dict[str, object]:
    """Kind of the outcome, its sentence, seconds of the processor, and MB beyond what the process had before."""
    before, seconds, kind, sentence = peak(), [], "", ""
    while len(seconds) < 2 and not (seconds and seconds[0] < 0.5):  # the first may have waited for imports
        began = time.process_time()
        try:
            kind = f"{len(formats.load(path)):,} splats"
        except SplatworldError as why:
            kind, sentence = type(why).__name__, str(why)
        seconds.append(time.process_time() - began)
    grown = (peak() - before) / 2**20
    return {"name": path.name, "kind": kind, "sentence": sentence, "seconds": min(seconds), "mb": grown}


def peak() -> int:
    """Largest resident memory so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main(sys.argv[1:])
