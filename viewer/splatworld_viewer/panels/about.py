"""What was asked for, and what of it was not understood."""

import html

import viser

from splatworld.world import World

_STYLE = "padding:0.2em 1em 0.6em;line-height:1.4;font-size:0.9em;overflow-wrap:anywhere"


def add(gui: viser.GuiApi, world: World) -> None:
    """The panel's head. All text comes from users or files and is escaped."""
    lines = _lines(world)
    if lines:
        gui.add_html(f'<div style="{_STYLE}">{"".join(lines)}</div>', order=-2.0)


def _lines(world: World) -> list[str]:
    spec = world.spec
    if spec is None:
        return []
    lines = [f"<div style='font-style:italic'>{html.escape(spec.prompt or spec.place)}</div>"]
    if spec.unknown:
        words = ", ".join(html.escape(word) for word in spec.unknown[:24])
        lines.append(f"<div style='opacity:.7;margin-top:.4em'>Not understood: {words}</div>")
    lines += [f"<div style='opacity:.7;margin-top:.4em'>{html.escape(note)}</div>" for note in spec.notes[:8]]
    return lines
