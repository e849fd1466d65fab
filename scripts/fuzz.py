"""Sets up the environment and tries the readers of files with broken ones: see `fuzz_run.py`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import environment


def main(arguments: Sequence[str]) -> int:
    """Run `fuzz_run.py` with the arguments in the project's environment; its exit code."""
    try:
        return environment.run([environment.ready(("dev",)), Path(__file__).with_name("fuzz_run.py"), *arguments])
    except environment.SetupError as why:
        print(f"fuzz: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
