"""`splatworld view`."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from splatworld.errors import UsageError


@dataclass(frozen=True)
class View:
    """Walk through a world in the browser. Serves on this machine only; the printed link holds the key."""

    file: Positional[Path]
    """World to show."""
    port: int = 0
    """Port to listen on; 0 takes a free one."""
    budget: int = 500_000
    """How many splats are sent to the browser at most."""
    browser: bool = True
    """Open the browser; the link is printed either way."""

    def run(self) -> None:
        """Serve until Ctrl-C."""
        try:
            from splatworld_viewer import serve
        except ModuleNotFoundError as why:
            raise UsageError(f"the viewer is not installed ({why}); `pip install splatworld[viewer]` adds it") from None
        serve(self.file, port=self.port, budget=self.budget, open_browser=self.browser, wait=True)
