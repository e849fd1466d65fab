"""The browser viewer of splatworld: `serve` shows a world behind a link with a random token."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from splatworld_viewer.server import Viewer, serve

__all__ = ["Viewer", "serve"]


def __getattr__(name: str) -> Any:
    # viser takes a second to import: only those who serve pay for it.
    if name in __all__:
        from splatworld_viewer import server

        return getattr(server, name)
    raise AttributeError(name)
