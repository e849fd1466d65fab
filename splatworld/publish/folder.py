"""A folder that is either whole or not there."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from splatworld.errors import OutputError
from splatworld.files import reason

ABOUT = "about.json"
"""In every published folder: where it comes from and which files are ours."""


@contextlib.contextmanager
def replacing_folder(folder: Path, *, force: bool = False) -> Iterator[Path]:
    """A temporary folder to fill, which becomes `folder` when the block ends well; it must hold `ABOUT` then.

    With `force` an earlier page in its place is replaced. What others have put into that folder, a `.git` or a `CNAME`,
    moves over. Raises `OutputError` as `check_folder` does, and for every `OSError` of the block; whatever is raised,
    the temporary folder is removed and an earlier page stays.
    """
    target = check_folder(folder, force=force)
    fresh = target.with_name(f".{target.name[:60]}.{secrets.token_hex(4)}.part")
    try:
        fresh.mkdir()
        yield fresh
        _put(fresh, check_folder(folder, force=force))
    except OSError as why:
        raise OutputError(f"cannot write {folder}: {reason(why)}") from why
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def check_folder(folder: Path, *, force: bool = False) -> Path:
    """The folder with links followed. Raises `OutputError` at once if it could not be written later."""
    target = Path(os.path.realpath(folder))
    if not target.parent.is_dir():
        raise OutputError(f"cannot write {folder}: there is no folder {target.parent}")
    if not os.access(target.parent, os.W_OK):
        raise OutputError(f"cannot write {folder}: writing there is not permitted")
    if not target.exists():
        return target
    if not target.is_dir():
        raise OutputError(f"cannot write {folder}: it is a file; name a folder")
    if not any(target.iterdir()):
        return target
    if not ours(target):
        raise OutputError(f"{folder} exists and holds no published world; name another folder")
    if not force:
        raise OutputError(f"{folder} exists already; --force replaces the page in it")
    return target


def ours(folder: Path) -> list[str]:
    """The files of the page in a folder, by their paths in it; empty if there is none."""
    try:
        found = msgspec.json.decode((folder / ABOUT).read_bytes(), type=dict[str, object]).get("files")
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return []
    names = found if isinstance(found, list) else []
    return [name for name in names if isinstance(name, str) and _within(name)]


def _within(name: str) -> bool:
    """Whether a name from a file leads to a place inside the folder."""
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts


def _put(fresh: Path, target: Path) -> None:
    if not target.exists():
        os.replace(fresh, target)
        return
    earlier = target.with_name(f".{target.name[:60]}.{secrets.token_hex(4)}.earlier")
    os.replace(target, earlier)
    try:
        os.replace(fresh, target)
    except OSError:
        os.replace(earlier, target)
        raise
    names = ours(earlier)
    for name in names:
        (earlier / name).unlink(missing_ok=True)
    for folder in sorted({parent for name in names for parent in Path(name).parents}, reverse=True):
        with contextlib.suppress(OSError):  # others have put something there
            (earlier / folder).rmdir()
    if earlier.exists():
        _moved(earlier, target)


def _moved(earlier: Path, target: Path) -> None:
    """What is left of the earlier folder is not ours: it goes to the new one, or stays where it was if that has it."""
    for path in list(earlier.iterdir()):
        there = target / path.name
        if path.is_dir() and not path.is_symlink() and there.is_dir():
            _moved(path, there)
        elif not there.exists():
            os.replace(path, there)
    with contextlib.suppress(OSError):
        earlier.rmdir()
