"""Sun and haze. Lighting a world anew takes seconds, so it waits for a button."""

import asyncio
from collections.abc import Callable

import msgspec
import viser

from splatworld.progress import Event, Progress, Stage, Step
from splatworld.world import Environment
from splatworld_viewer.panels import told, within
from splatworld_viewer.session import Session

ELEVATION = (-18.0, 90.0)
HAZE_PER_KM = (0.0, 30.0)


def add(gui: viser.GuiApi, session: Session) -> None:
    """Three sliders, a button and a bar."""
    now = session.world.environment
    with gui.add_folder("Light", expand_by_default=False):
        azimuth = gui.add_slider(
            "Sun from", 0.0, 359.0, 1.0, _step(now.sun_azimuth_deg % 360, 0.0, 359.0, 1.0),
            hint="Degrees clockwise from north",
        )  # fmt: skip
        elevation = gui.add_slider(
            "Sun height", *ELEVATION, 0.5, _step(now.sun_elevation_deg, *ELEVATION, 0.5),
            hint="Degrees above the horizon; below zero it is night",
        )  # fmt: skip
        haze = gui.add_slider(
            "Haze", *HAZE_PER_KM, 0.1, _step(now.haze * 1000, *HAZE_PER_KM, 0.1),
            hint="How much of the distance the air hides, per kilometre",
        )  # fmt: skip
        button = gui.add_button("Apply light")
        bar = gui.add_progress_bar(0.0, visible=False)
    busy = asyncio.Lock()

    @button.on_click
    async def _(event: viser.GuiEvent) -> None:
        environment = environment_from(session.world.environment, azimuth.value, elevation.value, haze.value)
        if environment is None or busy.locked():
            return
        async with busy:
            button.disabled, bar.visible = True, True
            progress = _percent(lambda value: setattr(bar, "value", value))
            await told(event.client, "Lighting", asyncio.to_thread(session.relit, environment, progress))
            button.disabled, bar.visible = False, False


def environment_from(now: Environment, azimuth: object, elevation: object, haze: object) -> Environment | None:
    """`now` with the sliders' values (degrees, degrees, 1/km), each limited to its range; None if one is no number."""
    a, e, h = within(azimuth, 0.0, 360.0), within(elevation, *ELEVATION), within(haze, *HAZE_PER_KM)
    if a is None or e is None or h is None:
        return None
    return msgspec.structs.replace(now, sun_azimuth_deg=a, sun_elevation_deg=e, haze=h / 1000)


def _step(value: float, low: float, high: float, step: float) -> float:
    return min(max(round(value / step) * step, low), high)


def _percent(show: Callable[[float], None]) -> Progress:
    stage = Stage("", 1, 1)

    def progress(event: Event) -> None:
        nonlocal stage
        done = 0.0
        if isinstance(event, Stage):
            stage = event
        elif isinstance(event, Step):
            done = event.done / max(event.total, 1)
        else:
            return
        show(100 * (stage.index - 1 + done) / max(stage.total, 1))

    return progress
