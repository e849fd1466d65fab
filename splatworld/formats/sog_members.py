"""The files of a SOG: members of a zip archive, or files of a folder beside its meta.json.

Nothing is unpacked to the disk, a name is looked up and never followed, and no more is read than the caller expects.
"""

import contextlib
import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from splatworld import files, limits
from splatworld.errors import FormatError

META = "meta.json"
_KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError)
"""What `zipfile` raises for damaged, encrypted and exotic archives."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


@runtime_checkable
class Members(Protocol):
    """Where the files of a SOG are read from."""

    source: str
    size: int
    """Bytes of the archive, or of the pictures and meta.json in the folder."""

    def read(self, name: str, bytes_max: int) -> bytes:
        """The content of one file. Raises `FormatError` if there is none, or if it is longer than `bytes_max`."""
        ...


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Members]:
    """The members of an archive, or the files of the folder whose meta.json `path` is."""
    with open(path, "rb") as file:
        is_zip = file.read(2) == b"PK"
        file.seek(0)
        if not is_zip:
            yield _Folder(path)
            return
        try:
            archive = zipfile.ZipFile(_Sips(file))
        except (*_BROKEN, OSError) as why:
            raise FormatError(f"{path.name} is a damaged zip archive ({why})") from None
        with archive:
            yield _Archive(path, archive)


def write_archive(path: Path, contents: Mapping[str, bytes]) -> None:
    """A zip with the members stored as they are, the same bytes for the same contents."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in contents.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)


class _Sips(io.RawIOBase):
    """A file that refuses to be read in gulps: `zipfile` reads a directory at once, however long it says it is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        gulp = limits.ZIP_DIRECTORY_BYTES
        if size > gulp:
            raise zipfile.BadZipFile("its directory is too long")
        data = self._file.read(size if size >= 0 else gulp + 1)
        if len(data) > gulp:
            raise zipfile.BadZipFile("its directory is too long")
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


class _Archive:
    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.source, self.size, self._archive = path.name, os.path.getsize(path), archive
        if len(archive.infolist()) > limits.ZIP_MEMBERS:
            raise FormatError(f"{path.name} holds {len(archive.infolist()):,} files; at most {limits.ZIP_MEMBERS} fit")

    def read(self, name: str, bytes_max: int) -> bytes:
        try:
            found = self._archive.getinfo(name[: limits.PATH_CHARS_MAX])
        except KeyError:
            raise FormatError(f"{self.source} holds no file named {name[:80]!r}") from None
        if found.compress_type not in _KINDS:
            raise FormatError(f"{self.source}: {name} is packed in a way that is not read; stored or deflated is")
        if found.file_size > bytes_max:
            raise FormatError(f"{self.source}: {name} has {found.file_size:,} bytes; at most {bytes_max:,} make sense")
        try:
            with self._archive.open(found) as member:
                data = _all_of(member.read, bytes_max)
        except (*_BROKEN, OSError) as why:
            raise FormatError(f"{self.source}: {name} is damaged ({why})") from None
        if len(data) != found.file_size:
            raise FormatError(f"{self.source}: {name} does not have the {found.file_size:,} bytes it states")
        return data


def _all_of(take: Callable[[int], bytes], bytes_max: int) -> bytes:
    """In small pieces: a directory that lies about a size must not make `zipfile` take that much."""
    parts, total = [], 0
    while total <= bytes_max and (part := take(limits.ZIP_DIRECTORY_BYTES // 2)):
        parts.append(part)
        total += len(part)
    return b"".join(parts)


class _Folder:
    def __init__(self, meta: Path) -> None:
        self.source, self._folder, self._meta = meta.name, meta.parent, meta.name
        pictures = [path for path in meta.parent.glob("*.webp") if path.is_file()]
        self.size = os.path.getsize(meta) + sum(os.path.getsize(path) for path in pictures)

    def read(self, name: str, bytes_max: int) -> bytes:
        wanted = self._meta if name == META else name
        if wanted in ("", ".", "..") or Path(wanted).name != wanted or "\\" in wanted or "\0" in wanted:
            raise FormatError(f"{self.source} names {name[:80]!r}, which is no file beside it")
        path = self._folder / wanted
        if path.resolve().parent != self._folder.resolve():
            raise FormatError(f"{self.source} names {name[:80]!r}, a link to another folder")
        if files.check_input(path) > bytes_max:
            raise FormatError(f"{path} is too large; at most {bytes_max:,} bytes make sense")
        return path.read_bytes()
