"""From a sentence to a world to walk in: installs what is needed, generates, exports, opens the viewer.

Everything after the installation is done by the `splatworld` command, whose calls are shown.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import environment

SENTENCE = "a red cabin by a lake in a pine forest at sunset, two boats"
EXPORTS = (".ply", ".splat", ".spz")
PICTURE = ("--width", "1280", "--height", "720")
SLUG_WORDS, SLUG_CHARS = 7, 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit code: 1 after Ctrl-C, else that of the first step that failed."""
    asked = _parser().parse_args(arguments)
    try:
        python = environment.ready(("app",))
        splatworld = [str(python), "-m", "splatworld.cli"]
        folder = _folder(asked.sentence)
        world = folder / "world.splatworld"
        code = _generate(splatworld, asked, world) or _write(splatworld, world)
        if code:
            return code
        _name_files(folder)
        if not asked.no_view:
            _view([*splatworld, "view", _shown(world)])
        return 0
    except environment.SetupError as why:
        print(f"demo: {why}", file=sys.stderr)
        return 1
    except OSError as why:
        print(f"demo: the system refused: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: stopped", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sentence", nargs="?", default=SENTENCE, help=f"what should be there (default: {SENTENCE})")
    parser.add_argument("--no-view", action="store_true", help="stop when the files are written")
    parser.add_argument("--seed", type=int, metavar="N", help="another number gives another world of the same sentence")
    parser.add_argument("--splats", type=int, metavar="N", help="how many splats the world may have")
    return parser


def _folder(sentence: str) -> Path:
    """out/<first words of the sentence>/; a run replaces what an earlier one left there."""
    plain = unicodedata.normalize("NFKD", sentence).encode("ascii", "ignore").decode().lower()
    slug = "-".join(re.findall(r"[a-z0-9]+", plain)[:SLUG_WORDS])[:SLUG_CHARS] or "world"
    return environment.ROOT / "out" / slug


def _generate(splatworld: Sequence[str], asked: argparse.Namespace, world: Path) -> int:
    """Say what is understood, then build."""
    code = environment.run([*splatworld, "spec", "--plain", "--", asked.sentence])
    if code:
        return code
    world.parent.mkdir(parents=True, exist_ok=True)
    numbers = {"--seed": asked.seed, "--splats": asked.splats}
    options = [part for name, value in numbers.items() if value is not None for part in (name, str(value))]
    return _step([*splatworld, "generate", "--out", _shown(world), "--force", *options, "--", asked.sentence])


def _write(splatworld: Sequence[str], world: Path) -> int:
    """A picture and the exports, side by side; the first exit code that is not 0."""
    picture = ["render", _shown(world), "--out", _shown(world.with_suffix(".png")), *PICTURE]
    exports = [["convert", _shown(world), _shown(world.with_suffix(suffix))] for suffix in EXPORTS]
    for command in (picture, *exports):
        _show(["splatworld", *command, "--force"])
    commands = [[*splatworld, *command, "--force"] for command in (picture, *exports)]
    return environment.finished([environment.start(command, stdout=subprocess.DEVNULL) for command in commands])


def _step(command: Sequence[str]) -> int:
    _show(["splatworld", *command[3:]])
    return environment.run(command)


def _view(command: Sequence[str]) -> None:
    """Become the viewer, which Ctrl-C ends."""
    _show(["splatworld", *command[3:]])
    os.chdir(environment.ROOT)
    os.execv(command[0], command)


def _show(command: Sequence[str]) -> None:
    print(f"$ {shlex.join(command)}", flush=True)


def _shown(path: Path) -> str:
    return os.path.relpath(path, environment.ROOT)


def _name_files(folder: Path) -> None:
    print("Written:")
    for file in sorted(folder.iterdir()):
        print(f"  {_shown(file)}  {file.stat().st_size / 1e6:.1f} MB")
    print("", flush=True)


if __name__ == "__main__":
    sys.exit(main())
