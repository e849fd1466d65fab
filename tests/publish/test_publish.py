"""What is written for a page, without a browser."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from garden import GATE, START, WALL, eye_to_world, garden
from PIL import Image

import splatworld
from splatworld import formats
from splatworld.cli import main
from splatworld.errors import Cancelled, OutputError, UsageError
from splatworld.geometry import Similarity
from splatworld.progress import Stage
from splatworld.publish import html, pictures, publish, scene
from splatworld.publish.folder import replacing_folder
from splatworld.publish.notes import noted
from splatworld.publish.settings import page_fov_deg, settings
from splatworld.publish.viewer import PACKAGE, VERSION
from splatworld.world import from_splats, parted

PAGE = {"index.html", "page.js", "page.css", "viewer/index.js", "viewer/index.css", "viewer/LICENSE", "about.json"}
DATA = {"world.sog", "poster.jpg", "settings.json", "sky.jpg", "collider.glb"}


@pytest.fixture(scope="module", autouse=True)
def small_skies() -> Iterator[None]:
    """They take most of the time, and have a test of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "SKY_PX", 128)
        yield


@pytest.fixture(scope="module")
def world():
    return garden(splats=3000)


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """Stands for the viewer where nothing is run."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "public").mkdir()
    (folder / "public" / "index.js").write_text("export const createViewer = '</script><!-- <script>';\n")
    (folder / "public" / "index.css").write_text("a {}")
    (folder / "LICENSE").write_text("MIT -- as is")
    (folder / "package.json").write_text(json.dumps({"name": PACKAGE, "version": VERSION}))
    return folder


@pytest.fixture(scope="module")
def page(world, package, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("site") / "garden"
    publish(world, out, viewer_dir=package)
    return out


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def parts(text: str) -> dict:
    return json.loads(re.search(r'id="page">(.*?)</script>', text)[1])


def test_the_folder_holds_what_it_says(page, world):
    assert names(page) == PAGE | DATA
    about = json.loads((page / "about.json").read_text())
    assert set(about["files"]) == PAGE | DATA
    assert about["viewer"] == {"package": PACKAGE, "version": VERSION, "licence": "viewer/LICENSE"}
    assert about["provenance"]["seed"] == 0
    ground = formats.load(page / "world.sog")
    assert len(ground) == len(world) * 9 // 12, "the sky is a picture"
    assert not ground.things, "visitors are sent what they see"


def test_every_address_on_the_page_leads_into_the_folder(page):
    text = (page / "index.html").read_text()
    links = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert set(links) - {"data:,"} == {"viewer/index.css", "viewer/index.js", "page.css", "page.js"}
    told = parts(text)
    assert {told["viewer"], told["settings"], told["poster"], told["sky"], told["collider"]} < names(page)
    assert told["scene"]["file"] in names(page)
    assert "://" not in text + (page / "page.js").read_text() + (page / "page.css").read_text()


def test_text_of_sentences_cannot_leave_its_place(page):
    text = (page / "index.html").read_text()
    assert "<img" not in text
    assert "onerror=&quot;" in text
    assert text.count("</script>") == 2


def test_the_viewer_is_told_where_the_world_starts(page):
    told = json.loads((page / "settings.json").read_text())
    start = told["cameras"][0]["initial"]
    assert eye_to_world(start["position"]) == pytest.approx(START.eye, abs=1e-3)
    assert eye_to_world(start["target"]) == pytest.approx(START.target, abs=1e-3)
    assert start["fov"] == pytest.approx(85.57, abs=0.01)
    assert told["animTracks"] == []


def test_named_views_make_a_path_and_marks(world):
    views = (START, GATE, replace_view("corner"))
    told = settings(views, noted(replace(world, viewpoints=views)), background=(0.1, 0.2, 0.3))
    (track,) = told["animTracks"]
    assert (track["loopMode"], track["duration"], track["keyframes"]["times"]) == ("repeat", 18.0, [0, 180, 360])
    assert len(track["keyframes"]["values"]["position"]) == 9
    assert [mark["title"] for mark in told["annotations"]] == ["By the post", "Corner"]
    assert told["startMode"] == "animTrack"
    two = settings(views[:2], (), background=(0, 0, 0))["animTracks"][0]
    assert (two["loopMode"], two["duration"]) == ("pingpong", 6.0)


def replace_view(name: str):
    return msgspec.structs.replace(GATE, name=name, fov_deg=170.0)


def test_the_angle_stays_what_the_viewer_takes():
    assert page_fov_deg(replace_view("wide")) == 120.0
    assert page_fov_deg(msgspec.structs.replace(GATE, fov_deg=1.0)) == 10.0


def test_things_are_marked_where_they_are_seen(world):
    wall, post = noted(world)
    assert (wall.title, post.title) == ("Wall", "Post")
    assert wall.text == "Red brick, 6.0 m across, 2.2 m high"
    assert wall.position[1] == pytest.approx(WALL[2], abs=1e-3), "on the side one looks at"
    assert np.hypot(post.position[0] - 1.2, post.position[1] + 1.5) <= 0.15 * np.sqrt(2) + 1e-3
    assert noted(world, "none") == ()
    hidden = world.with_things({3: msgspec.structs.replace(world.thing(3), visible=False)})
    assert [place.title for place in noted(hidden)] == ["Post"]


def test_the_sky_is_a_picture_with_north_in_the_middle(world):
    sky, rest = parted(world, lambda thing: thing.kind == "sky")
    assert len(rest) + len(sky) == len(world)
    assert 0 < len(sky) < len(world)
    picture = pictures.sky_picture(sky.splats(), START.eye, width=256)
    assert picture.shape == (128, 256, 3)
    red = picture[40:64].astype(float).mean(0) @ [1, 0, -1]
    assert abs(int(red.argmax()) - 192) < 24, "the east is red"
    assert (picture[100:] == picture[100]).all(), "below the rim its colours go on"
    plain = from_splats(world.splats())
    assert len(parted(plain, lambda thing: thing.kind == "sky")[0]) == 0


def test_the_poster_is_square_and_shows_the_start(page):
    poster = Image.open(page / "poster.jpg")
    assert poster.size == (1024, 1024)
    middle = np.asarray(poster, float)[500:540, 500:524].mean((0, 1))
    assert middle[0] > 1.5 * middle[2], "the red wall"


def test_one_file_holds_all_of_it(world, package, tmp_path, page):
    out = tmp_path / "garden.html"
    found = publish(world, out, single_file=True, viewer_dir=package)
    text = out.read_text()
    assert found.bytes == len(text.encode())
    inside = re.findall(r'data-file="([^"]+)" data-type="([^"]+)"', text)
    assert {name for name, _ in inside} == DATA | {"viewer/index.js"}
    assert re.findall(r'(?:src|href)="([^"]+)"', text) == ["data:,"]
    assert "createViewer = '</script>" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["garden.html"]
    with pytest.raises(UsageError, match=r"ends in \.html"):
        publish(world, tmp_path / "garden", single_file=True, viewer_dir=package)


def test_scripts_and_styles_cannot_end_what_holds_them():
    assert html._json({"a": "</script><!--"}) == '{"a":"\\u003c/script>\\u003c!--"}'
    assert html._script("'</script>' + '<!--'") == "'<\\/script>' + '<\\!--'"
    assert html._style("a::after { content: '</style>' }") == "a::after { content: '<\\/style>' }"


def test_large_worlds_come_in_levels_of_detail(world, package, tmp_path, monkeypatch):
    monkeypatch.setattr(scene, "STREAMED_ABOVE", 1000)
    found = publish(world, tmp_path / "site", viewer_dir=package, splats=2000)
    told = parts((found.path / "index.html").read_text())["scene"]
    assert told == {"file": "world/lod-meta.json", "splats": 2000, "streamed": True}
    about = json.loads((found.path / "about.json").read_text())
    assert set(about["files"]) == names(found.path) >= {"world/lod-meta.json", "world/0_0/meta.json"}
    assert len(formats.load(found.path / told["file"])) == 2000
    publish(world, tmp_path / "site", viewer_dir=package, splats=900, force=True)
    assert not (tmp_path / "site" / "world").exists()
    single = publish(world, tmp_path / "one.html", viewer_dir=package, splats=2000, single_file=True)
    assert single.splats == 2000


def test_bare_splats_are_a_page_too_and_what_it_lacks_is_told(world, package, tmp_path):
    toy = world.splats().transformed(Similarity(scale=0.005))
    found = publish(from_splats(toy), tmp_path / "scan", viewer_dir=package)
    assert names(found.path) == PAGE | DATA - {"sky.jpg", "collider.glb"}
    assert [sentence.partition(":")[0] for sentence in found.missing] == [
        "walking", "a sky", "marks", "a path for the camera"
    ]  # fmt: skip
    assert "<h1>Scan</h1>" in (found.path / "index.html").read_text()
    with pytest.raises(UsageError, match="no splats"):
        publish(from_splats(toy[:0]), tmp_path / "empty", viewer_dir=package)


def test_an_earlier_page_is_replaced_when_forced_and_guests_stay(world, package, tmp_path):
    out = tmp_path / "site"
    publish(world, out, viewer_dir=package, title="first")
    (out / "CNAME").write_text("example")
    (out / ".git" / "refs").mkdir(parents=True)
    (out / "viewer" / "mine.txt").write_text("mine")
    (out / "world-500k.sog").write_bytes(b"")
    with pytest.raises(OutputError, match="--force"):
        publish(world, out, viewer_dir=package)
    publish(world, out, viewer_dir=package, title="second", force=True)
    assert "<title>second</title>" in (out / "index.html").read_text()
    assert (out / "CNAME").read_text() == "example"
    assert (out / ".git" / "refs").is_dir()
    assert (out / "viewer" / "mine.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_folder_of_others_is_never_touched(world, package, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    for force in (False, True):
        with pytest.raises(OutputError, match="no published world"):
            publish(world, tmp_path / "home", viewer_dir=package, force=force)
    (tmp_path / "home" / "about.json").write_text('{"files": ["../outside", "/etc/passwd", 3]}')
    with pytest.raises(OutputError, match="no published world"):
        publish(world, tmp_path / "home", viewer_dir=package, force=True)
    with pytest.raises(OutputError, match="there is no folder"):
        publish(world, tmp_path / "no" / "where", viewer_dir=package)
    with pytest.raises(OutputError, match="it is a file"):
        publish(world, tmp_path / "home" / "letter.txt", viewer_dir=package)


def test_what_is_stopped_leaves_nothing_behind(world, package, tmp_path):
    out = tmp_path / "site"
    publish(world, out, viewer_dir=package, title="first")

    def stop(event) -> None:
        if isinstance(event, Stage) and event.name == "splats":
            raise Cancelled("stopped")

    for options in ({"path": out, "force": True}, {"path": tmp_path / "one.html", "single_file": True}):
        with pytest.raises(Cancelled):
            publish(world, viewer_dir=package, progress=stop, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
    assert "<title>first</title>" in (out / "index.html").read_text()
    with pytest.raises(OutputError, match="disk is full"), replacing_folder(tmp_path / "new"):
        raise OSError(28, "No space left on device")
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_the_files_of_the_page_are_in_the_package():
    folder = Path(splatworld.__file__).parent / "publish" / "page"
    assert {path.name for path in folder.iterdir()} == {"index.html", "page.js", "page.css"}


def test_the_command_of_the_documentation_runs(world, package, tmp_path, monkeypatch, capsys):
    text = (Path(__file__).parents[2] / "docs" / "publishing.md").read_text()
    (first,) = [line.split()[1:] for line in text.splitlines() if line.startswith("    splatworld publish")][:1]
    shutil.copytree(package, tmp_path / "cache" / f"supersplat-viewer-{VERSION}")
    monkeypatch.setenv("SPLATWORLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    formats.save(world, "world.splatworld")
    assert main(first) == 0
    said = capsys.readouterr().out
    assert "python -m http.server -d" in said
    assert re.search(r"world\.sog\s+[\d.]+ kB", said)
    assert "without a path" in said
    assert (tmp_path / first[-1] / "index.html").is_file()
    assert main(first) == 1
    assert main(["publish", "world.splatworld", "-o", "x.html", "--single-file", "--splats", "0"]) == 2
    assert main(["publish", "world.splatworld", "-o", "x.html", "--single-file", "--viewer-dir", "nowhere"]) == 2
