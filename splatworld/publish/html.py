"""The page itself: one template, with its scripts, styles and data beside it or inside it."""

import base64
import gzip
import html
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from splatworld.publish.viewer import Viewer

SCRIPT, STYLE = "page.js", "page.css"
VIEWER_CODE, VIEWER_STYLE, VIEWER_LICENCE = "viewer/index.js", "viewer/index.css", "viewer/LICENSE"
_TYPES = {".js": "text/javascript", ".json": "application/json", ".jpg": "image/jpeg"}
_FOLDER = "'self' 'unsafe-inline' data: blob:"
_POLICY = (
    "default-src 'none'; script-src {0} 'wasm-unsafe-eval'; worker-src {0}; style-src {0}; img-src {0}; "
    "connect-src {0}; font-src {0}; base-uri 'none'; form-action 'none'"
)
"""Nothing is asked of other hosts, whatever the viewer would like to fetch."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says and shows."""

    title: str
    description: str
    credits: tuple[str, ...]
    """Sentences: what it was made from and by."""
    background: tuple[float, float, float]
    """Display colour, 0 to 1."""
    parts: dict[str, Any]
    """For the script: names of files and budgets."""


def own(name: str) -> str:
    """A file of our own that pages carry."""
    return (resources.files("splatworld.publish") / "page" / name).read_text(encoding="utf-8")


def beside(page: Page) -> str:
    """The page of a folder: everything but itself is a file beside it."""
    links = [f'    <link rel="stylesheet" href="{name}" />' for name in (VIEWER_STYLE, STYLE)]
    links.append(f'    <link rel="modulepreload" href="{VIEWER_CODE}" />')
    start = f'    <script src="{SCRIPT}"></script>'
    preview = f'    <meta property="og:image" content="{page.parts["poster"]}" />\n'
    return _filled(page, _FOLDER, preview, "\n".join(links), start)


def inside(page: Page, viewer: Viewer, folder: Path, names: list[str]) -> Iterator[str]:
    """The page in one file, piece by piece, with the files `names` of a folder in it."""
    styles = "\n".join(f"<style>\n{text}\n</style>" for text in (_style(viewer.style.decode()), _style(own(STYLE))))
    mark = "<!-- data -->"
    whole = _filled(page, "'unsafe-inline' data: blob:", "", styles, mark)
    before, _, after = whole.partition(mark)
    yield before
    yield _embedded(VIEWER_CODE, gzip.compress(viewer.code, mtime=0), packed=True)
    for name in names:
        yield _embedded(name, (folder / name).read_bytes())
    yield f"<script>\n{_script(own(SCRIPT))}\n</script>"
    yield f"<!--\n{html.escape(viewer.licence.decode(errors='replace')).replace('--', '- -')}\n-->"
    yield after


def _filled(page: Page, sources: str, preview: str, styles: str, scripts: str) -> str:
    about = [f"        <h1>{html.escape(page.title)}</h1>"]
    if page.description.casefold() != page.title.casefold():
        about.append(f"        <p>{html.escape(page.description)}</p>")
    about.append("".join(f"        <p><small>{html.escape(line)}</small></p>\n" for line in page.credits).rstrip())
    return Template(own("index.html")).substitute(
        policy=html.escape(_POLICY.format(sources)),
        title=html.escape(page.title),
        description=html.escape(page.description),
        generator=html.escape(page.credits[-1]),
        background="#" + "".join(f"{round(255 * c):02x}" for c in page.background),
        about="\n".join(about),
        page=_json(page.parts),
        preview=preview,
        styles=styles,
        scripts=scripts,
    )


def _json(value: object) -> str:
    """JSON that cannot end the script it stands in."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _script(text: str) -> str:
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _style(text: str) -> str:
    return text.replace("</style", "<\\/style")


def _embedded(name: str, data: bytes, *, packed: bool = False) -> str:
    kind = _TYPES.get(Path(name).suffix, "application/octet-stream")
    flag = ' data-packed="gzip"' if packed else ""
    text = base64.b64encode(data).decode()
    return f'<script type="text/plain" data-file="{html.escape(name)}" data-type="{kind}"{flag}>{text}</script>\n'
