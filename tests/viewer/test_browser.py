"""The viewer in a headless Chromium on software GL: slow, so worlds are small."""

import base64
import io
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from worlds import small_world

from splatworld.camera import Camera, look_at
from splatworld.edits import Move, SetVisible
from splatworld.geometry import Similarity
from splatworld.render import render
from splatworld.scene_spec import SceneSpec
from splatworld.world import Viewpoint, World
from splatworld_viewer import Viewer, serve
from splatworld_viewer.panels.view import look_from

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
    pytest.mark.filterwarnings("default"),
]

WIDTH, HEIGHT = 640, 360
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
HOSTILE = '<img src=x onerror="window.hacked=1"> by a lake'
READY = "() => window.__viserTestpoints?.rendererInfo.render.triangles > 20000"


@pytest.fixture(scope="module")
def world() -> World:
    return replace(small_world(splats=16_000), spec=SceneSpec(prompt=HOSTILE, unknown=["<b>zorp</b>"]))


@pytest.fixture(scope="module")
def viewer(world) -> Iterator[Viewer]:
    viewer = serve(world)
    yield viewer
    viewer.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator["playwright.BrowserContext"]:
    profile = tmp_path_factory.mktemp("chromium")
    with playwright.sync_playwright() as p:
        context = p.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=FLAGS, viewport={"width": WIDTH, "height": HEIGHT}
        )
        yield context
        context.close()


@pytest.fixture(scope="module")
def page(viewer, browser) -> "playwright.Page":
    return visit(browser, viewer.url)


def visit(browser, url: str) -> "playwright.Page":
    page = browser.new_page()
    page.goto(url + "&fixedDpr=1")
    page.wait_for_function(READY, timeout=60_000)
    return page


def picture(page) -> NDArray[np.float32]:
    """The canvas [h, w, 3] in 0 to 1, once it has stopped changing."""
    last, since = "", time.monotonic()
    while time.monotonic() - since < 60:
        data = page.evaluate("() => window.__viserMutable.canvas.toDataURL('image/png')")
        if data == last:
            break
        last = data
        time.sleep(1.5)
    image = Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))).convert("RGB")
    return np.asarray(image, np.float32) / 255


def ours(world: World, camera: Camera) -> NDArray[np.float32]:
    return render(world.splats().with_degree(0), camera).rgb[0].clamp(0, 1).numpy()


def start(world: World) -> Camera:
    return world.start.camera(width=WIDTH, height=HEIGHT)


def turned(world: World, degrees: float) -> Camera:
    view, angle = world.start, np.radians(degrees)
    x, y, z = np.subtract(view.target, view.eye)
    target = (x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle), z)
    return look_at(
        view.eye, tuple(float(a + b) for a, b in zip(view.eye, target, strict=True)),
        fov_deg=view.fov_deg, width=WIDTH, height=HEIGHT,
    )  # fmt: skip


def ssim(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Mean structural similarity of the grey values (Wang et al. 2004: sigma 1.5, K 0.01 and 0.03)."""

    def blur(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return gaussian_filter(x, 1.5, truncate=3.5)

    x, y = (np.asarray(i, np.float64) @ [0.299, 0.587, 0.114] for i in (a, b))
    mx, my = blur(x), blur(y)
    vx, vy, vxy = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    score = (2 * mx * my + 1e-4) * (2 * vxy + 9e-4) / ((mx * mx + my * my + 1e-4) * (vx + vy + 9e-4))
    return float(score.mean())


def eye(page) -> NDArray[np.float64]:
    """Camera position in world axes."""
    script = """() => { const m = window.__viserMutable;
        return m.nodeRefFromName[""].worldToLocal(m.camera.position.clone()).toArray(); }"""
    return np.array(page.evaluate(script))


def hold(page, keys: str, seconds: float) -> None:
    for key in keys.split("+"):
        page.keyboard.down(key)
    time.sleep(seconds)
    for key in keys.split("+"):
        page.keyboard.up(key)
    time.sleep(0.3)


def back_to_start(page) -> None:
    page.get_by_role("button", name="Start view").click()
    page.wait_for_function("() => Math.abs(window.__viserMutable.camera.position.y - 1.7) < 0.01")


def test_the_page_shows_the_world_from_the_start(page, world):
    shown = picture(page)
    assert shown.shape == (HEIGHT, WIDTH, 3)
    right, wrong = ssim(shown, ours(world, start(world))), ssim(shown, ours(world, turned(world, 10)))
    print(f"SSIM {right:.4f}, turned by 10 degrees {wrong:.4f}")
    assert right >= 0.90
    assert wrong < 0.90


def test_text_from_users_stays_text(page):
    assert page.get_by_text(HOSTILE).count() == 1
    assert page.get_by_text("<b>zorp</b>").count() == 1
    assert page.evaluate("() => window.hacked === undefined")


def test_the_token_leaves_the_address_bar(page, viewer):
    token = viewer.url.partition("token=")[2]
    assert token not in page.url
    assert token not in page.evaluate("() => document.cookie + location.href")


def test_w_moves_the_camera_forward_and_shift_faster(page, viewer):
    back_to_start(page)
    before = eye(page)
    hold(page, "w", 1.0)
    step = eye(page) - before
    assert step[1] > 0.3
    assert abs(step[0]) < 0.1
    middle = eye(page)
    hold(page, "Shift+w", 1.0)
    assert (eye(page) - middle)[1] > 1.5 * step[1]
    (client,) = viewer.server.get_clients().values()
    assert client.camera.position[1] == pytest.approx(eye(page)[1], abs=0.5)
    back_to_start(page)


def test_hiding_a_thing_hides_it(page, world):
    back_to_start(page)
    before = ours(world, start(world))
    gone = world.with_things({5: msgspec.structs.replace(world.thing("tower"), visible=False)})
    after = ours(gone, start(world))
    where = np.abs(before - after).max(2) > 0.2
    assert where.sum() > 500
    box = page.get_by_role("checkbox", name="tower")
    box.scroll_into_view_if_needed()
    box.click()
    shown = picture(page)
    assert np.abs(shown - after)[where].mean() < 0.06
    assert np.abs(shown - before)[where].mean() > 0.2
    box.click()
    assert np.abs(picture(page) - before)[where].mean() < 0.06


def test_edits_reach_the_browser(page, viewer, world):
    """One moved thing with a node of its own, one hidden member of a shared node."""
    back_to_start(page)
    before = ours(world, start(world))
    viewer.session.apply(Move(things=(3,), by=Similarity.at((1.2, -1.0, 0.3), yaw=0.6)))
    viewer.session.apply(SetVisible(things=(8,), visible=False))
    after = ours(viewer.session.world, start(world))
    where = np.abs(before - after).max(2) > 0.2
    assert where.sum() > 3000
    shown = picture(page)
    assert np.abs(shown - after)[where].mean() < 0.06
    assert ssim(shown, after) >= 0.90
    viewer.session.replace(world)
    assert ssim(picture(page), before) >= 0.90


def test_walking_keeps_the_eye_above_the_ground(page, viewer):
    back_to_start(page)
    hold(page, "e", 1.5)
    assert eye(page)[2] > 2.0
    page.keyboard.press("g")
    page.wait_for_function("() => window.splatworld.walking")
    time.sleep(1.0)
    assert eye(page)[2] == pytest.approx(1.7, abs=0.03)
    before = eye(page)
    hold(page, "w", 1.5)
    after = eye(page)
    assert after[1] - before[1] > 0.3
    assert after[2] == pytest.approx(1.7, abs=0.03)
    page.keyboard.press("g")
    look_from(viewer.server.get_clients()[0], Viewpoint("shore", (-9.0, 7.0, 1.7), (-9.0, 12.0, 1.7)))
    walk_onto_the_bridge(page)
    back_to_start(page)


def walk_onto_the_bridge(page) -> None:
    time.sleep(1.0)
    page.keyboard.press("g")
    page.wait_for_function("() => window.splatworld.walking")
    page.keyboard.down("w")
    deadline = time.monotonic() + 20
    while eye(page)[1] < 9.5 and time.monotonic() < deadline:
        time.sleep(0.1)
    page.keyboard.up("w")
    time.sleep(2.0)
    assert eye(page)[2] == pytest.approx(1.7 + 0.4, abs=0.03)
    page.keyboard.press("g")


def test_without_the_token_the_browser_gets_nothing(viewer, browser):
    browser.clear_cookies()
    page = browser.new_page()
    reply = page.goto(viewer.url.partition("?")[0])
    assert reply.status == 403
    assert page.evaluate("() => document.body.innerText.length") < 40
    opened = page.evaluate(
        """() => new Promise((done) => { const s = new WebSocket(location.origin.replace("http", "ws"), "viser-v1.1.1");
            s.onopen = () => done(true); s.onerror = () => done(false); })"""
    )
    assert not opened
    page.close()


def test_without_our_script_viser_still_works(viewer, browser, world):
    browser.route("**/splatworld/walk.js", lambda route: route.abort())
    page = visit(browser, viewer.url)
    browser.unroute("**/splatworld/walk.js")
    assert page.evaluate("() => window.splatworld === undefined")
    assert ssim(picture(page), ours(world, start(world))) >= 0.85
    before = eye(page)
    page.keyboard.down("w")
    deadline = time.monotonic() + 20
    while (eye(page) - before)[1] < 0.1 and time.monotonic() < deadline:
        time.sleep(0.1)
    page.keyboard.up("w")
    assert (eye(page) - before)[1] > 0.1
    client = max(viewer.server.get_clients().items())[1]
    client.camera.position = (0.0, -6.0, 5.0)
    page.get_by_role("checkbox", name="Walk").click()
    deadline = time.monotonic() + 20
    while abs(eye(page)[2] - 1.7) > 0.03 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert eye(page)[2] == pytest.approx(1.7, abs=0.03), "the server puts the eye down"
    page.close()
