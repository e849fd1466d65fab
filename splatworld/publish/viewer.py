"""The files of the viewer that a page carries: one npm package, fetched once, checked, and kept in a cache.

The package is PlayCanvas' SuperSplat Viewer (MIT). Its name, version and digest are pinned here; where it is, only npm
or the user's own npm configuration says. A page carries three of its files, byte for byte but for the line that points
to a map for debuggers.
"""

import base64
import hashlib
import json
import os
import secrets
import shutil
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from splatworld import limits
from splatworld.errors import UsageError, ViewerError
from splatworld.files import reason
from splatworld.progress import Note, Progress, Warning, silent
from splatworld.publish.download import download

PACKAGE = "@playcanvas/supersplat-viewer"
VERSION = "1.36.2"
INTEGRITY = "sha512-L7w0BlagAonRHQg5qhaDyBB8zrRtiU9QgglNU3kUgsqHpokCAtuf9j4P0kxsUaQn61FZ1qJGkRKsOCbrLCDR0w=="
"""Of the package as npm serves it, in npm's notation (W3C Subresource Integrity)."""
CODE, STYLE, LICENCE = "public/index.js", "public/index.css", "LICENSE"
_MANIFEST = "package.json"
_MAP = b"\n//# sourceMappingURL="


@dataclass(frozen=True, slots=True)
class Viewer:
    """What a page carries of the viewer."""

    code: bytes
    """A module that exports `createViewer`."""
    style: bytes
    licence: bytes
    version: str


def viewer_files(folder: Path | str | None = None, *, progress: Progress = silent) -> Viewer:
    """The viewer from `folder`, else from the cache, else fetched and put into the cache.

    `folder` is the unpacked package, one that holds it as `node_modules` does, or the packed `.tgz`. A version other
    than `VERSION` is used with a warning. Raises `ViewerError` with the ways to mend it where no files can be had, and
    `UsageError` where `folder` does not hold the package.
    """
    if folder is not None:
        return _given(Path(folder), progress)
    kept = cache() / f"supersplat-viewer-{VERSION}"
    if not (kept / _MANIFEST).is_file():
        progress(Note(f"fetching the viewer ({PACKAGE} {VERSION}); this is done once"))
        _keep(unpacked(checked(download(PACKAGE, VERSION, progress=progress))), kept)
    return _read(kept)


def cache() -> Path:
    """Where fetched files are kept: `SPLATWORLD_CACHE`, or the usual place of the system."""
    if named := os.environ.get("SPLATWORLD_CACHE"):
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "splatworld" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "splatworld"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "splatworld"


def checked(archive: bytes) -> bytes:
    """The archive itself. Raises `ViewerError` if it is not the package that is pinned here."""
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if found != INTEGRITY:
        raise ViewerError(
            f"what was served as {PACKAGE} {VERSION} is not that package: its digest is {found[:20]}..., and not "
            f"{INTEGRITY[:20]}...; nothing of it was kept"
        )
    return archive


def unpacked(archive: bytes) -> dict[str, bytes]:
    """The few files of an npm package that are needed, by their path in it. Nothing is written, whatever it names."""
    wanted = {f"package/{name}": name for name in (CODE, STYLE, LICENCE, _MANIFEST)}
    found = {}
    try:
        with tarfile.open(fileobj=BytesIO(archive), mode="r:gz") as tar:
            while len(found) < len(wanted) and (member := tar.next()) is not None:
                name = wanted.get(member.name)
                if name is None or not member.isfile() or member.size > limits.PUBLISH_VIEWER_BYTES:
                    continue
                if (file := tar.extractfile(member)) is not None:
                    found[name] = file.read()
    except (tarfile.TarError, OSError, EOFError, ValueError) as why:
        raise ViewerError(f"the package of the viewer cannot be unpacked: {why}") from None
    if missing := set(wanted.values()) - set(found):
        raise ViewerError(f"the package of the viewer lacks {min(missing)}")
    return found


def _keep(files: Mapping[str, bytes], folder: Path) -> None:
    """Write to a folder of its own and rename: another run finds all of it or nothing."""
    fresh = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    try:
        for name, data in files.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        shutil.rmtree(folder, ignore_errors=True)  # half a folder, from before renaming was done here
        os.replace(fresh, folder)
    except OSError as why:
        raise ViewerError(f"the viewer cannot be kept in {folder.parent}: {reason(why)}") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _given(path: Path, progress: Progress) -> Viewer:
    if path.is_file():
        return _named(unpacked(checked(_whole(path))))
    places = [path, path / "package", path / PACKAGE, path / "node_modules" / PACKAGE]
    for place in places:
        if (place / _MANIFEST).is_file() and (place / CODE).is_file():
            viewer = _read(place)
            if viewer.version != VERSION:
                progress(Warning(f"{place} holds the viewer's version {viewer.version}; pages are made for {VERSION}"))
            return viewer
    raise UsageError(
        f"{path} does not hold the viewer: there is no {_MANIFEST} with {CODE} beside it. Give the unpacked package "
        f"{PACKAGE}, a node_modules with it, or its .tgz"
    )


def _whole(path: Path) -> bytes:
    if path.stat().st_size > limits.PUBLISH_PACKAGE_BYTES:
        raise UsageError(f"{path} is larger than the package of the viewer")
    return path.read_bytes()


def _read(folder: Path) -> Viewer:
    try:
        return _named({name: (folder / name).read_bytes() for name in (CODE, STYLE, LICENCE, _MANIFEST)})
    except OSError as why:
        raise ViewerError(f"cannot read the viewer in {folder}: {reason(why)}") from None


def _named(files: Mapping[str, bytes]) -> Viewer:
    try:
        manifest = json.loads(files[_MANIFEST])
        name, version = str(manifest["name"]), str(manifest["version"])
    except (ValueError, KeyError, TypeError):
        raise ViewerError(f"the {_MANIFEST} beside the viewer's files is not that of a package") from None
    if name != PACKAGE:
        raise UsageError(f"that is the package {name}, and not {PACKAGE}")
    return Viewer(files[CODE].partition(_MAP)[0] + b"\n", files[STYLE], files[LICENCE], version)
