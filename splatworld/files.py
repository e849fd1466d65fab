"""Files that are either whole or not there.

Every writer (formats, document, pictures, video, JSON) writes through `replacing`: into a temporary file in the folder
of the target, which is flushed to the disk and then renamed over the target. A failure at any point leaves no new file
behind and does no harm to an earlier one. A kill or a power cut can leave a hidden `.part` file, never half a target.
"""

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from splatworld import limits
from splatworld.errors import FormatError, OutputError

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your quota of disk space is used up",
    errno.EFBIG: "the file would be larger than the system allows",
    errno.EACCES: "writing there is not permitted",
    errno.EPERM: "writing there is not permitted",
    errno.EROFS: "that file system is read-only",
    errno.ENAMETOOLONG: "the name is too long",
}


@contextlib.contextmanager
def replacing(path: Path | str, *, force: bool = False) -> Iterator[Path]:
    """A temporary path to write to, which becomes `path` when the block ends well.

    Links are followed, so the file a link points to is replaced and not the link. Raises `OutputError` when `path`
    exists and `force` is not given, when its folder is missing or not writable, and for every `OSError` of the block;
    any exception removes the temporary file.
    """
    target = _target(path, force=force)
    # The suffix stays, because some libraries choose the kind of file by it.
    temporary = target.with_name(f".{target.stem[:60]}.{secrets.token_hex(4)}.part{target.suffix[:20]}")
    try:
        _create(temporary)
        yield temporary
        _sync(temporary)
        if not force:
            _target(path, force=False)
        os.replace(temporary, target)
    except OSError as why:
        raise OutputError(f"cannot write {path}: {reason(why)}") from why
    finally:
        _remove(temporary)
    # The new file is in place and whole by now. That a folder cannot be synced (some network drives) harms nobody.
    with contextlib.suppress(OSError):
        _sync(target.parent)


@contextlib.contextmanager
def replacing_folder_of(path: Path | str, *, parts: str, force: bool = False) -> Iterator[Path]:
    """A temporary path to write `path` to and files beside it; their folder becomes that of `path` in the end.

    The folder is made if it is missing. An existing one is replaced whole: it must hold nothing whose name does not
    match `parts`, a regular expression, and `path` itself only with `force`. Raises `OutputError` as `replacing` does.
    """
    target = Path(os.path.realpath(path))
    folder = target.parent
    _check_folder(path, target, parts, force=force)
    temporary = folder.with_name(f".{folder.name[:60]}.{secrets.token_hex(4)}.part")
    try:
        temporary.mkdir()
        yield temporary / target.name
        for written in temporary.rglob("*"):
            _sync(written)
        _check_folder(path, target, parts, force=force)
        _exchange(temporary, folder)
    except OSError as why:
        raise OutputError(f"cannot write {path}: {reason(why)}") from why
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    with contextlib.suppress(OSError):
        _sync(folder.parent)


def _check_folder(path: Path | str, target: Path, parts: str, *, force: bool) -> None:
    """Raise `OutputError` if the folder of `target` must not be made or replaced."""
    folder = target.parent
    if not folder.exists():
        _target(folder)
        return
    if os.path.lexists(target):
        _target(target, force=force)
    others = [entry.name for entry in folder.iterdir() if not re.fullmatch(parts, entry.name)]
    if others:
        raise OutputError(f"cannot write {path}: {folder} holds other files ({min(others)}); name a new folder")


def _exchange(new: Path, folder: Path) -> None:
    """Put a folder in the place of another, which is gone after it."""
    if not folder.exists():
        os.rename(new, folder)
        return
    old = new.with_suffix(".old")
    os.rename(folder, old)
    try:
        os.rename(new, folder)
    except OSError:
        os.rename(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_bytes(path: Path | str, data: bytes, *, force: bool = False) -> None:
    """Write a small file at once. Raises `OutputError`."""
    with replacing(path, force=force) as temporary:
        temporary.write_bytes(data)


def check_output(path: Path | str, *, force: bool = False) -> None:
    """Raise `OutputError` at once if `path` could not be written later: for use before long work."""
    target = _target(path, force=force)
    if not os.access(target.parent, os.W_OK):
        raise OutputError(f"cannot write {path}: writing there is not permitted")


def check_folder_output(path: Path | str, *, parts: str, force: bool = False) -> None:
    """`check_output` for `replacing_folder_of`."""
    target = Path(os.path.realpath(path))
    _check_folder(path, target, parts, force=force)
    if not os.access(target.parent.parent, os.W_OK):
        raise OutputError(f"cannot write {path}: writing there is not permitted")


def check_input(path: Path | str) -> int:
    """The size in bytes of a readable regular file that is not empty. Raises `FormatError` with what is wrong."""
    try:
        found = os.stat(path)
        if stat.S_ISDIR(found.st_mode):
            raise FormatError(f"{path} is a folder; a file is expected")
        if not stat.S_ISREG(found.st_mode):
            raise FormatError(f"{path} is no regular file, so it cannot be read as a world")
        with open(path, "rb"):
            pass
    except (OSError, ValueError) as why:
        raise FormatError(f"cannot read {path}: {reason(why)}") from None
    if not found.st_size:
        raise FormatError(f"{path} is empty")
    if found.st_size > limits.FILE_BYTES_MAX:
        most = limits.FILE_BYTES_MAX >> 30
        raise FormatError(f"{path} has {found.st_size:,} bytes; files of at most {most} GiB are read")
    return found.st_size


def reason(why: Exception) -> str:
    """The cause of a failed file operation in plain words."""
    if isinstance(why, FileNotFoundError):
        return "there is no such file"
    if not isinstance(why, OSError) or why.errno is None:
        return str(why) or type(why).__name__
    return _REASONS.get(why.errno, (why.strerror or str(why)).lower())


def _target(path: Path | str, *, force: bool = False) -> Path:
    try:
        target = Path(os.path.realpath(path))
        mode = _mode(target)
        parent = _mode(target.parent)
    except (OSError, ValueError) as why:
        raise OutputError(f"cannot write {str(path)!r}: {reason(why)}") from None
    if mode is not None and stat.S_ISDIR(mode):
        raise OutputError(f"cannot write {path}: it is a folder; give the name of a file in it")
    if mode is not None and not stat.S_ISREG(mode):
        raise OutputError(f"cannot write {path}: it is no regular file")
    if mode is not None and not force:
        raise OutputError(f"{path} exists already; --force replaces it")
    if parent is None or not stat.S_ISDIR(parent):
        raise OutputError(f"cannot write {path}: there is no folder {target.parent}")
    return target


def _mode(path: Path) -> int | None:
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _create(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(temporary: Path) -> None:
    """The temporary file, and the journal SQLite may have put beside it."""
    for path in (temporary, temporary.with_name(temporary.name + "-journal")):
        with contextlib.suppress(OSError):
            os.unlink(path)
