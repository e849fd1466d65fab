"""A published page in a headless Chromium, of a phone's size, on software GL: slow, so the world is small."""

import functools
import http.server
import io
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from garden import GATE, SLOPE, START, WALL, eye_to_world, garden
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from splatworld.camera import look_at
from splatworld.publish import publish, scene
from splatworld.publish.settings import page_fov_deg
from splatworld.render import render
from splatworld.world import Viewpoint, World

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
    pytest.mark.filterwarnings("default"),
]

WIDTH, HEIGHT = 390, 844
PHONE = {
    "viewport": {"width": WIDTH, "height": HEIGHT},
    "is_mobile": True,
    "has_touch": True,
    "user_agent": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 "
    "Mobile Safari/537.36",
}
QUEST = (
    "Mozilla/5.0 (X11; Linux x86_64; Quest 3) AppleWebKit/537.36 (KHTML, like Gecko) OculusBrowser/33.0 "
    "Chrome/126.0 VR Safari/537.36"
)
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
LOADED = "() => window.splatworld?.viewer.state.loaded && window.splatworld.viewer.state.hasCollision"
CAPSULE = 0.2
"""Radius of the viewer's walker, metres."""
EYE = 1.5
"""Its eye over the ground."""


class Visit:
    """A page that was opened, with all that it asked for and complained of."""

    def __init__(self, browser: "playwright.Browser", url: str, **options: object) -> None:
        self.context = browser.new_context(**PHONE | options)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda why: self.complaints.append(str(why)))
        self.page.goto(url)

    def loaded(self) -> "Visit":
        self.page.wait_for_function(LOADED, timeout=60_000)
        return self

    def eye(self) -> NDArray[np.float64]:
        """Camera position in world axes."""
        return eye_to_world(
            self.page.evaluate(
                "() => { const at = splatworld.viewer.app.root.findByName('camera').getPosition();"
                " return [at.x, at.y, at.z]; }"
            )
        )


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def world() -> World:
    return garden()


@pytest.fixture(scope="module")
def folder(world, viewer_dir, tmp_path_factory) -> Path:
    """The page in a folder some way below what the server serves."""
    out = tmp_path_factory.mktemp("site") / "worlds" / "garden"
    out.parent.mkdir()
    publish(world, out, viewer_dir=viewer_dir)
    return out


@pytest.fixture(scope="module")
def url(folder) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=folder.parent.parent)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/worlds/garden/"
    server.shutdown()
    server.server_close()
    thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def visit(browser, url) -> Iterator[Visit]:
    visit = Visit(browser, url).loaded()
    yield visit
    visit.context.close()


def shown(visit: Visit) -> NDArray[np.float32]:
    """What the phone shows [h, w, 3], at half its size: as many pixels as the viewer draws on phones at first."""
    time.sleep(1.5)
    picture = Image.open(io.BytesIO(visit.page.screenshot())).convert("RGB")
    return np.asarray(picture.resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.BOX), np.float32) / 255


def ours(world: World, view: Viewpoint, turn_deg: float = 0.0) -> NDArray[np.float32]:
    angle, eye = np.radians(turn_deg), np.array(view.eye)
    x, y, z = np.array(view.target) - eye
    ahead = eye + np.array([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle), z])
    camera = look_at(eye, ahead, fov_deg=page_fov_deg(view), width=WIDTH // 2, height=HEIGHT // 2)
    return render(world, camera).rgb[0].clamp(0, 1).numpy()


def ssim(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Mean structural similarity of the grey values (Wang et al. 2004: sigma 1.5, K 0.01 and 0.03)."""

    def blur(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return gaussian_filter(x, 1.5, truncate=3.5)

    x, y = (np.asarray(i, np.float64) @ [0.299, 0.587, 0.114] for i in (a, b))
    mx, my = blur(x), blur(y)
    vx, vy, vxy = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    score = (2 * mx * my + 1e-4) * (2 * vxy + 9e-4) / ((mx * mx + my * my + 1e-4) * (vx + vy + 9e-4))
    return float(score.mean())


def walk(visit: Visit, seconds: float) -> list[NDArray[np.float64]]:
    """Go forward and tell where the eye was on the way."""
    visit.page.evaluate("() => splatworld.viewer.setMoveInput(0, 1)")
    way, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.1)
        way.append(visit.eye())
        if len(way) > 20 and way[-1][1] - way[-20][1] < 0.01:  # it may slide along a wall
            break
    visit.page.evaluate("() => splatworld.viewer.setMoveInput(0, 0)")
    return way


def test_a_phone_shows_the_world_from_its_start(browser, url, world):
    visit = Visit(browser, url + "?noui").loaded()
    picture = shown(visit)
    right, turned = ours(world, START), ours(world, START, turn_deg=10)
    off, far_off = (float(np.abs(picture - other).mean()) for other in (right, turned))
    print(f"SSIM {ssim(picture, right):.4f}, off by {off:.4f}; turned by 10 degrees {far_off:.4f}")
    assert ssim(picture, right) >= 0.88
    assert off < 0.02
    assert far_off > 2 * off
    sky = picture[: HEIGHT // 8].mean((0, 1)) - right[: HEIGHT // 8].mean((0, 1))
    assert np.abs(sky).max() < 0.015, "the sky has the colours of its splats"
    visit.context.close()


def test_nothing_is_asked_of_others_and_nothing_fails(visit, url):
    assert len(visit.requests) > 8
    assert [where for where in visit.requests if not where.startswith((url, f"blob:{url.split('/worlds')[0]}"))] == []
    assert visit.complaints == []


def test_the_page_says_what_it_shows_and_text_stays_text(visit):
    page = visit.page
    assert page.evaluate("() => window.hacked === undefined")
    page.locator("#name-button").tap()
    about = page.locator("#about").inner_text()
    assert "<b>garden</b>" in about
    assert "SuperSplat Viewer" in about
    page.locator("#name-button").tap()
    assert not page.locator("#about").is_visible()
    assert page.locator(".sse-annotation-hotspot").count() == 2
    assert page.evaluate("() => splatworld.device") == "phone"


def test_the_walk_button_puts_the_eye_over_the_slope_and_the_wall_stops_it(visit):
    visit.page.locator(".sse-fpsCamera").tap()
    visit.page.wait_for_function("() => splatworld.viewer.state.cameraMode === 'walk'")
    time.sleep(2.0)
    begin = visit.eye()
    assert begin[2] == pytest.approx(SLOPE * begin[1] + EYE, abs=0.05)
    way = walk(visit, 40.0)
    assert max(abs(x - SLOPE * y - EYE) for _, y, x in way[:: len(way) // 8]) < 0.12
    assert way[-1][1] == pytest.approx(WALL[2] - CAPSULE, abs=0.1), "walked up to the wall and not through it"
    assert way[-1][2] > begin[2] + 0.8 * SLOPE * (way[-1][1] - begin[1])


def test_a_headset_stands_on_the_ground_and_loads_no_models_from_elsewhere(browser, url):
    visit = Visit(browser, url, user_agent=QUEST).loaded()
    assert visit.page.evaluate("() => splatworld.device") == "headset"
    assert visit.page.evaluate("() => splatworld.viewer.app.graphicsDevice.deviceType") == "webgl2"
    # There is no headset here; a session without features stands for its own.
    visit.page.evaluate(
        """() => { const { xr } = splatworld.viewer.app;
            xr._session = Object.assign(new EventTarget(), { enabledFeatures: [], inputSources: [] });
            xr.fire("start"); }"""
    )
    rig = "splatworld.viewer.app.root.findByName('camera root')"
    floor = visit.page.evaluate(f"() => {rig}.getPosition().y")
    assert floor == pytest.approx(SLOPE * START.eye[1], abs=1e-3)
    assert visit.page.evaluate(f"() => {rig}.script.xrNavigation.groundHeight") == pytest.approx(floor)
    assert not visit.page.evaluate(f"() => {rig}.script.has('xrControllers')")
    visit.context.close()


def test_one_file_works_from_a_disk_without_a_network(browser, world, viewer_dir, tmp_path):
    out = tmp_path / "garden.html"
    publish(world, out, single_file=True, viewer_dir=viewer_dir)
    visit = Visit(browser, out.as_uri() + "?noui", offline=True).loaded()
    assert ssim(shown(visit), ours(world, START)) >= 0.88
    assert [where for where in visit.requests if not where.startswith((out.as_uri(), "blob:"))] == []
    assert visit.complaints == []
    assert visit.page.evaluate("() => splatworld.viewer.state.walkAllowed")
    assert visit.page.evaluate("() => window.hacked === undefined")
    visit.context.close()


def test_levels_of_detail_are_loaded_from_the_folder(browser, folder, url, viewer_dir, monkeypatch):
    monkeypatch.setattr(scene, "STREAMED_ABOVE", 20_000)
    large = garden(splats=36_000)
    publish(large, folder.parent / "large", viewer_dir=viewer_dir)
    where = url.replace("/garden/", "/large/")
    visit = Visit(browser, where + "?noui").loaded()
    assert ssim(shown(visit), ours(large, START)) >= 0.88
    assert {f"{where}world/lod-meta.json", f"{where}world/0_0/meta.json", f"{where}world/1_0/meta.json"} < set(
        visit.requests
    )
    assert visit.complaints == []
    visit.context.close()


def test_a_folder_opened_from_a_disk_says_what_to_do(browser, folder):
    visit = Visit(browser, (folder / "index.html").as_uri())
    visit.page.wait_for_selector("#message:not([hidden])")
    assert "http.server" in visit.page.locator("#message").inner_text()
    visit.context.close()


def test_a_missing_file_is_named(browser, folder, url):
    hidden = (folder / "world.sog").rename(folder / "elsewhere.sog")
    try:
        visit = Visit(browser, url)
        visit.page.wait_for_selector("#message:not([hidden])")
        assert "world.sog is missing" in visit.page.locator("#message").inner_text()
        visit.context.close()
    finally:
        hidden.rename(folder / "world.sog")


def test_named_views_are_marks_and_a_path(browser, viewer_dir, tmp_path, world):
    from dataclasses import replace

    out = tmp_path / "tour.html"
    tour = replace(world, viewpoints=(START, GATE))
    publish(tour, out, single_file=True, viewer_dir=viewer_dir)
    visit = Visit(browser, out.as_uri() + "?noui").loaded()
    state = visit.page.evaluate(
        "() => [splatworld.viewer.state.animationDuration, splatworld.viewer.annotations.length]"
    )
    assert state == [6, 1]
    visit.page.evaluate("() => splatworld.viewer.seek(6)")
    assert ssim(shown(visit), ours(tour, GATE)) >= 0.85
    visit.page.evaluate("() => splatworld.viewer.selectAnnotation(0)")
    time.sleep(4)
    assert visit.eye() == pytest.approx(np.array(GATE.eye), abs=0.05)
    visit.context.close()
