"""The command line: `splatworld VERB`. One file per verb; `torch` and the rest are imported when a verb runs.

Ends with 0, or with one sentence on stderr and 2 for a wrong request, 1 for what failed or was stopped.
"""

import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import tyro
from tyro.conf import subcommand

from splatworld.cli.compare import Compare
from splatworld.cli.convert import Convert
from splatworld.cli.generate import Generate
from splatworld.cli.info import Info
from splatworld.cli.mesh import Mesh
from splatworld.cli.publish import Publish
from splatworld.cli.render import Render
from splatworld.cli.report import Report
from splatworld.cli.spec import Spec
from splatworld.cli.view import View
from splatworld.errors import SplatworldError

Verb = (
    Annotated[Generate, subcommand("generate")]
    | Annotated[Spec, subcommand("spec")]
    | Annotated[View, subcommand("view")]
    | Annotated[Render, subcommand("render")]
    | Annotated[Info, subcommand("info")]
    | Annotated[Report, subcommand("report")]
    | Annotated[Convert, subcommand("convert")]
    | Annotated[Mesh, subcommand("mesh")]
    | Annotated[Publish, subcommand("publish")]
    | Annotated[Compare, subcommand("compare")]
)

_SLOW_TO_LOAD = ("torch", "open3d")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code; usage errors end the program with 2, as argparse does."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may hold what the terminal cannot show
    verb = tyro.cli(
        Verb,  # type: ignore[arg-type]
        prog="splatworld",
        description="Words in, a structured 3D Gaussian splat world out.",
        args=arguments,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, _terminated)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, _interrupted)
    try:
        return _run(verb)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(verb: Verb) -> int:
    try:
        verb.run()
        sys.stdout.flush()
        return 0
    except SplatworldError as why:
        return _failed(str(why), why.exit_code)
    except KeyboardInterrupt:
        return _failed("stopped", 1)
    except BrokenPipeError:
        # Who read our output has gone. Python would complain again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except MemoryError:
        return _failed("this needs more memory than the machine has free", 1)
    except OSError as why:
        return _failed(f"the system refused: {why}", 1)


def _failed(sentence: str, code: int) -> int:
    from splatworld.scene_spec import clean_text

    print(f"splatworld: {clean_text(sentence)}", file=sys.stderr)
    return code


def _interrupted(*_: object) -> NoReturn:
    """Ctrl-C as usual; but C++ that is being loaded dies of an exception, and before that nothing is written."""
    modules = (sys.modules.get(name) for name in _SLOW_TO_LOAD)
    if any(getattr(getattr(module, "__spec__", None), "_initializing", False) for module in modules):
        os.write(2, b"splatworld: stopped\n")
        os._exit(1)
    raise KeyboardInterrupt


def _terminated(*_: object) -> NoReturn:
    """Leave through every `finally`, so that no temporary file stays."""
    raise SystemExit(143)
