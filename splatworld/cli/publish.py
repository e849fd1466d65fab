"""`splatworld publish`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from splatworld import limits
from splatworld.errors import UsageError

if TYPE_CHECKING:
    from splatworld.publish import Published


@dataclass(frozen=True)
class Publish:
    """Write a web page that shows a world: a folder for any web host, or one file."""

    file: Positional[Path]
    """World to read."""
    out: Annotated[Path, arg(aliases=("-o",))]
    """Folder to write; with --single-file, an .html file."""
    single_file: bool = False
    """Everything in one file, which opens from a disk and without a network."""
    title: str | None = None
    """Name of the page. Default: the world's sentence."""
    notes: Literal["views", "things", "none"] | None = None
    """What to point out. Default: the named views if there are several, else things."""
    splats: int | None = None
    """At most so many; beyond that, splats are merged. Default: all, and a million in a single file."""
    viewer_dir: Path | None = None
    """Folder or .tgz with the viewer's npm package, where it cannot be fetched."""
    force: bool = False
    """Replace an earlier page."""

    def run(self) -> None:
        """Load, write, tell."""
        if self.splats is not None and not 1 <= self.splats <= limits.FILE_SPLATS_MAX:
            raise UsageError(f"--splats is {self.splats:,}; a page shows 1 to {limits.FILE_SPLATS_MAX:,} splats")
        if self.title is not None and len(self.title) > limits.NAME_CHARS:
            raise UsageError(f"the title has {len(self.title):,} characters; at most {limits.NAME_CHARS} are shown")
        from splatworld import formats, publish
        from splatworld.cli.bars import shown

        publish.check(self.out, single_file=self.single_file, force=self.force)
        with shown() as progress:
            found = publish.publish(
                formats.load(self.file, progress=progress),
                self.out,
                title=self.title,
                notes=self.notes,
                splats=self.splats,
                single_file=self.single_file,
                viewer_dir=self.viewer_dir,
                force=self.force,
                progress=progress,
            )
        print("\n".join(_told(found, self.single_file)))


def _told(found: "Published", single_file: bool) -> list[str]:
    """What was written, how to open it and what is missing, line by line."""
    sizes: dict[str, int] = {}
    for name, size in found.sizes.items():
        folder, slash, _ = name.partition("/")
        sizes[folder + slash] = sizes.get(folder + slash, 0) + size
    width = max(map(len, sizes))
    lines = [f"{found.path}: {found.splats:,} splats, {_size(found.bytes)}"]
    lines += [f"  {name:<{width}}  {_size(size):>8}" for name, size in sizes.items()]
    lines += [f"without {sentence}" for sentence in found.missing]
    if single_file:
        return [*lines, "open it with a browser, or put it on any web host"]
    return [
        *lines,
        f'to see it: python -m http.server -d "{found.path}", then http://localhost:8000; any web host does',
    ]


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(count / 1e3, 0.1):.1f} kB"
