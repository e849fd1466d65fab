"""Worlds as web pages: a folder that any static host serves, or one file that opens without a network.

Drawing is done by a maintained viewer (`viewer`); what is ours is the page around it (`page/`), and what it shows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from splatworld import files, limits
from splatworld.errors import UsageError
from splatworld.progress import Progress, Stage, silent
from splatworld.publish import html
from splatworld.publish.folder import ABOUT, check_folder, replacing_folder
from splatworld.publish.notes import NOTES, Kind
from splatworld.publish.scene import STAGES, Made, Wishes, made
from splatworld.publish.viewer import Viewer, viewer_files
from splatworld.scene_spec import clean_text
from splatworld.world import World

__all__ = ["NOTES", "Published", "check", "publish"]


@dataclass(frozen=True, slots=True)
class Published:
    """What was written."""

    path: Path
    """The folder, or the one file."""
    sizes: dict[str, int]
    """Bytes by path within the folder; of one file, what each part takes in it before it is made text."""
    bytes: int
    splats: int
    missing: tuple[str, ...]
    """What the page lacks, in sentences; empty if nothing."""


def publish(
    world: World,
    path: Path | str,
    *,
    title: str | None = None,
    notes: Kind | None = None,
    splats: int | None = None,
    single_file: bool = False,
    viewer_dir: Path | str | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Published:
    """Write a page that shows a world: walk, fly, orbit, enter it with a headset.

    Args:
        world: What is visible of it is shown, things placed.
        path: A folder, or with `single_file` an `.html` file. It appears whole or not at all.
        title: Default: the world's sentence, else the name of `path`.
        notes: What to point out: the named views, things, or nothing. Default: views if there are several, else things.
        splats: At most so many; beyond that, splats are merged. Default: all in a folder, a million in one file.
        single_file: Everything in one file, which opens from a disk.
        viewer_dir: A copy of the viewer's package, where it cannot be fetched.
        force: Replace an earlier page.
        progress: Told of stages; what it raises passes through, and leaves nothing behind.

    Raises:
        OutputError: the page cannot be written there.
        ViewerError: the viewer's files cannot be had; the text says how to mend it.
        UsageError: there is nothing to show, or an option does not fit.
    """
    path = Path(path)
    check(path, single_file=single_file, force=force)
    if not len(world):
        raise UsageError("this world holds no splats, so a page would show nothing")
    progress(Stage("viewer", 1, STAGES))
    viewer = viewer_files(viewer_dir, progress=progress)

    most = splats or (limits.PUBLISH_SPLATS_ONE_FILE if single_file else None)
    wishes = Wishes(clean_text(title or "") or _title(world, path), notes, most, streamed=not single_file)

    def make(folder: Path) -> Made:
        return made(world, folder, wishes, viewer.version, progress)

    return _one_file(path, viewer, make, force) if single_file else _folder(path, viewer, make, force)


def check(path: Path, *, single_file: bool = False, force: bool = False) -> None:
    """Raise `OutputError` or `UsageError` at once if a page could not be written there later."""
    if not single_file:
        check_folder(path, force=force)
    elif path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{path} would be a web page in one file; give it a name that ends in .html")
    else:
        files.check_output(path, force=force)


def _folder(path: Path, viewer: Viewer, make: Callable[[Path], Made], force: bool) -> Published:
    with replacing_folder(path, force=force) as fresh:
        found = make(fresh)
        texts = {
            "index.html": html.beside(found.page).encode(),
            html.SCRIPT: html.own(html.SCRIPT).encode(),
            html.STYLE: html.own(html.STYLE).encode(),
            html.VIEWER_CODE: viewer.code,
            html.VIEWER_STYLE: viewer.style,
            html.VIEWER_LICENCE: viewer.licence,
        }
        (fresh / "viewer").mkdir()
        for name, data in texts.items():
            (fresh / name).write_bytes(data)
        names = [*texts, *found.names, ABOUT]
        about = {**found.about, "files": names}
        (fresh / ABOUT).write_bytes(msgspec.json.format(msgspec.json.encode(about), indent=2))
        sizes = {name: (fresh / name).stat().st_size for name in names}
    return Published(path, sizes, sum(sizes.values()), found.splats, found.missing)


def _one_file(path: Path, viewer: Viewer, make: Callable[[Path], Made], force: bool) -> Published:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="splatworld-") as folder, files.replacing(path, force=force) as temporary:
        found = make(Path(folder))
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            for piece in html.inside(found.page, viewer, Path(folder), found.names):
                file.write(piece)
        sizes = {name: (Path(folder) / name).stat().st_size for name in found.names}
        sizes = {html.VIEWER_CODE: len(viewer.code), **sizes}
    return Published(path, sizes, path.stat().st_size, found.splats, found.missing)


def _title(world: World, path: Path) -> str:
    said = clean_text(world.spec.prompt) if world.spec is not None else ""
    said = said or clean_text(path.resolve().stem.replace("-", " ").replace("_", " ")) or "a world"
    short = said if len(said) <= limits.NAME_CHARS else f"{said[: limits.NAME_CHARS - 1]}…"
    return short[:1].upper() + short[1:]
