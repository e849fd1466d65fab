"""One file per panel. Widgets only show state and ask for changes: every value that comes back is checked here."""

import math
from collections.abc import Awaitable
from typing import Any

import viser

from splatworld.errors import SplatworldError


def within(value: Any, low: float, high: float) -> float | None:
    """`value` as a number limited to [low, high]; None if it is no number. Any client can send any value."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return min(max(float(value), low), high)


async def told(client: viser.ClientHandle | None, what: str, work: Awaitable[object]) -> bool:
    """Await `work`; if it fails, tell the visitor why. Returns whether it went well."""
    try:
        await work
    except SplatworldError as why:
        message = str(why)
    except Exception as why:  # a panel must not die of what it calls
        message = f"{type(why).__name__}: {why}"
    else:
        return True
    if client is not None:
        client.add_notification(f"{what} did not work", message, color="red", auto_close_seconds=12.0)
    return False
