"""The command line: what it prints, what it writes, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from splatworld import formats, scene_spec, sh
from splatworld.cli import main
from splatworld.errors import Cancelled
from splatworld.formats.presets import PRESETS
from splatworld.progress import Note, Stage, Step
from splatworld.scene_spec import SceneSpec
from splatworld.splats import Splats
from splatworld.world import Layer, Surface, Thing, Viewpoint, World


def small_world(n: int = 300) -> World:
    """A red ball of splats called "boat 1" on a flat ground."""
    g = torch.Generator().manual_seed(0)
    red = sh.from_rgb(torch.tensor([0.8, 0.1, 0.1])).repeat(n, 1, 1)
    means = torch.randn(n, 3, generator=g) * 0.3 + torch.tensor([0.0, 0.0, 1.0])
    splats = Splats(means, torch.randn(n, 4, generator=g), torch.full((n, 3), -3.0), torch.full((n,), 3.0), red)
    corners = np.array([[-9, -9, 0], [9, -9, 0], [9, 9, 0], [-9, 9, 0]], np.float32)
    things = (
        Thing(id=1, name="boat 1", kind="boat", colour="red", bounds=((-1.0, -1.0, 0.0), (1.0, 1.0, 2.0))),
        Thing(id=2, name="ground", kind="ground", surface="ground"),
    )
    return World(
        (Layer("base", "base", splats.with_extras(thing=torch.ones(n, dtype=torch.int32))),),
        things,
        viewpoints=(Viewpoint("start", (0.0, -5.0, 1.7), (0.0, 0.0, 1.0)),),
        spec=SceneSpec(prompt="a red boat, blorp", unknown=["blorp"], notes=["no lake was asked for"]),
        surfaces={"ground": Surface(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32))},
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with `world.splatworld`."""
    monkeypatch.chdir(tmp_path)
    formats.save(small_world(), "world.splatworld")
    return tmp_path


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch) -> list:
    """A stand-in for the generator, which is tested elsewhere and takes long; remembers how it was called."""
    calls = []

    def generate(prompt, *, seed=0, splats=300_000, progress):
        calls.append((prompt, seed, splats))
        progress(Stage("growing trees", 1, 2))
        progress(Note("there is no blorp"))
        progress(Step(1, 2))
        return small_world()

    module = types.ModuleType("splatworld.generate")
    module.generate = generate  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "splatworld.generate", module)
    return calls


def ended(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr; usage errors found by the parser included."""
    try:
        code = main(arguments)
    except SystemExit as end:
        code = int(end.code or 0)
    out = capsys.readouterr()
    return code, out.out, out.err


def test_help_is_quick_and_needs_no_torch() -> None:
    script = "import sys, splatworld.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\n"
    script += "assert not {'torch', 'viser', 'open3d', 'numpy', 'scipy', 'av', 'PIL'} & set(sys.modules)"
    times = []
    for _ in range(3):
        started = os.times()
        shown = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
        ended = os.times()
        # Processor time and not the clock's, which on a shared machine measures the neighbours.
        times.append(ended.children_user + ended.children_system - started.children_user - started.children_system)
    assert min(times) < 0.5
    for verb in ("generate", "spec", "view", "render", "info", "report", "convert", "compare"):
        assert verb in shown


def test_generate_writes_a_world_and_says_what_it_is(
    folder: Path, generator: list, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ended(
        ["generate", "a red boat", "-o", "new.splatworld", "--seed", "7", "--splats", "5000"], capsys
    )
    assert code == 0
    assert generator == [("a red boat", 7, 5000)]
    assert "new.splatworld: 300 splats, 2 things" in out
    assert "not understood: blorp" in out
    assert "1/2 growing trees" in err
    assert "there is no blorp" in err
    assert len(formats.load("new.splatworld").things) == 2


def test_generate_takes_an_edited_spec(folder: Path, generator: list, capsys: pytest.CaptureFixture[str]) -> None:
    spec = SceneSpec(prompt="x", seed=9)
    Path("spec.json").write_bytes(scene_spec.encode(spec))
    assert ended(["generate", "--spec", "spec.json", "-o", "new.ply"], capsys)[0] == 0
    assert generator == [(spec, 9, 500_000)]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["generate", "a", "-o", "world.splatworld"], 1, "exists already; --force"),
        (["generate", "a", "-o", "x.foo"], 2, "known are .splatworld"),
        (["generate", "a", "-o", "no/x.ply"], 1, "no folder"),
        (["generate", "-o", "x.ply"], 2, "one of the two"),
        (["generate", "a", "--spec", "s.json", "-o", "x.ply"], 2, "one of the two"),
        (["generate", "--spec", "none.json", "-o", "x.ply"], 1, "no such file"),
        (["generate", "--spec", "bad.json", "-o", "x.ply"], 2, "not valid"),
        (["generate", "a", "-o", "x.ply", "--splats", "1"], 2, "--splats must be"),
        (["generate", "a", "-o", "x.ply", "--seed", "-1"], 2, "--seed must be"),
        (["generate", "a"], 2, "--out"),
        (["generate", "a", "-o", "x.ply", "--quality", "best"], 2, "invalid choice"),
        (["spec"], 2, "one of the two"),
        (["info"], 2, "one of the two"),
        (["info", "none.ply"], 1, "no such file"),
        (["info", "."], 1, "is a folder"),
        (["info", "empty.ply"], 1, "is empty"),
        (["info", "bad.json"], 1, "known are .splatworld"),
        (["info", "a\x1b[31m\nb.ply"], 1, "no such file"),
        (["convert", "world.splatworld", "world.splatworld", "--force"], 2, "read and replaced"),
        (["convert", "world.splatworld", "./no/../world.splatworld", "--force"], 2, "read and replaced"),
        (["convert", "world.splatworld", "x.foo"], 2, "known are .splatworld"),
        (["convert", "world.splatworld", "."], 2, "no suffix"),
        (["convert", "world.splatworld", "x.ply", "--frame", "up"], 2, "invalid choice"),
        (["convert", "world.splatworld", "x.ply", "--frame", "rdf"], 1, "records its axes"),
        (["render", "world.splatworld", "-o", "x.gif"], 2, "neither .png nor .mp4"),
        (["render", "world.splatworld", "-o", "x.png", "--width", "0"], 2, "no size for a picture"),
        (["render", "world.splatworld", "-o", "x.png", "--width", "99999999"], 2, "no size for a picture"),
        (["render", "world.splatworld", "-o", "x.mp4", "--width", "101"], 2, "even"),
        (["render", "world.splatworld", "-o", "x.mp4", "--seconds", "nan"], 2, "a film has"),
        (["render", "world.splatworld", "-o", "x.mp4", "--fps", "0"], 2, "a film has"),
        (["render", "none.ply", "-o", "x.png"], 1, "no such file"),
        (["dance"], 2, "dance"),
        ([], 2, "Missing subcommand"),
    ],
)
def test_wrong_requests_end_in_a_sentence(
    folder: Path, generator: list, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, sentence: str
) -> None:
    Path("empty.ply").touch()
    Path("bad.json").write_text('{"items": -1}')
    before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    found, out, err = ended(arguments, capsys)
    assert found == code
    assert sentence in err
    assert out == ""
    assert "Traceback" not in err
    assert "\x1b[31m" not in err
    assert generator == []
    assert {p.name: p.stat().st_mtime_ns for p in folder.iterdir()} == before
    if err.startswith("splatworld:"):
        assert err.count("\n") == 1


def test_spec_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ended(["spec", "--schema"], capsys)
    assert code == 0
    assert "SceneSpec" in json.loads(out)["$defs"]


def test_info_as_json_holds_what_the_documentation_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ended(["info", "world.splatworld", "--json"], capsys)
    found = json.loads(out)
    assert code == 0
    assert (found["splats"], found["unknown"], found["notes"]) == (300, ["blorp"], ["no lake was asked for"])
    assert found["spec"]["prompt"] == "a red boat, blorp"
    assert found["layers"] == [{"id": "base", "name": "base", "splats": 300, "visible": True, "locked": False}]
    boat = found["things"][0]
    assert (boat["name"], boat["class"], boat["colour"], boat["splats"]) == ("boat 1", "boat", "red", 300)
    assert boat["position"] == [0, 0, 0]
    assert boat["bounds"] == [[-1, -1, 0], [1, 1, 2]]
    assert {"material", "size"} <= set(boat)
    assert {"environment", "viewpoints", "provenance", "bounds"} <= set(found)


def test_info_in_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ended(["info", "world.splatworld"], capsys)
    assert code == 0
    assert "300 splats, 2 things" in out
    assert "red boat" in out
    assert "not understood: blorp" in out


def test_info_of_the_system_lists_renderers_and_formats(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ended(["info", "--system", "--json"], capsys)
    found = json.loads(out)
    assert code == 0
    assert found["formats"]["spz"] is None
    assert found["renderers"]["reference"] is None
    assert set(found["renderers"]) == {"cuda", "cpu", "reference", "gsplat"}
    code, out, _ = ended(["info", "--system"], capsys)
    for name, reason in found["renderers"].items():
        assert f"  {name:12} {reason or 'ready'}\n" in out
        assert reason is None or len(reason.split()) > 3, "a reason is a sentence"


@pytest.mark.parametrize("suffix", ["ply", "splat", "spz"])
def test_convert(folder: Path, capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    code, out, _ = ended(["convert", "world.splatworld", f"new.{suffix}"], capsys)
    assert code == 0
    assert out.startswith(f"new.{suffix}: 300 splats; axes {'rub' if suffix == 'spz' else 'rdf'} (")
    assert out.endswith("1 unit is 1 m\n")
    code, _, err = ended(["convert", f"new.{suffix}", "again.ply", "--frame", "rub"], capsys)
    assert code == 0
    turned = formats.load("again.ply").splats().means.mean(0)
    # Read with other axes, up becomes down, except where rub is what the file says.
    assert (turned[2] > 0) == (suffix == "spz")
    assert err == ""


@pytest.mark.parametrize("program", PRESETS)
def test_convert_for_a_program(folder: Path, capsys: pytest.CaptureFixture[str], program: str) -> None:
    code, out, _ = ended(["convert", "world.splatworld", "new", "--for", program], capsys)
    preset = PRESETS[program]
    assert code == 0
    assert out.startswith(f"new.{preset.formats[0]}: 300 splats; axes {preset.frame} (")
    assert f"\n{program}: " in out
    code, _, err = ended(["convert", "world.splatworld", "new.rad", "--for", program], capsys)
    assert code == 2
    assert f"for {program}, which reads .{preset.formats[0]}" in err


def test_convert_tells_what_a_file_cannot_say(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--target-frame", "rub", "--scale", "100"]
    code, out, _ = ended(["convert", "world.splatworld", "new.splat", *asked, "--verify"], capsys)
    assert code == 0
    assert "1 unit is 0.01 m, which a .splat cannot say" in out
    assert "100.00 %" in out, "it is compared in the axes and the unit in which it was written"
    code, out, _ = ended(["convert", "new.splat", "new.ply", "--frame", "rub", "--unit", "0.01"], capsys)
    assert code == 0
    means = formats.load("new.ply").splats().means
    expected = formats.load("world.splatworld").splats().means
    np.testing.assert_allclose(means.numpy().mean(0), expected.numpy().mean(0), atol=1e-3)


def test_convert_leaves_fewer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "new.ply: 100 splats" in ended(["convert", "world.splatworld", "new.ply", "--target", "100"], capsys)[1]
    assert "new.spz: 150 splats" in ended(["convert", "world.splatworld", "new.spz", "--ratio", "0.5"], capsys)[1]
    code, out, err = ended(["convert", "world.splatworld", "new.sog", "--clean", "--sky", "picture"], capsys)
    assert (code, out[:7]) == (0, "new.sog")
    assert "no thing that is its sky" in err
    for wrong in (["--ratio", "0"], ["--target", "0"], ["--target", "5", "--ratio", "0.5"], ["--scale", "0"]):
        assert ended(["convert", "world.splatworld", "other.ply", *wrong], capsys)[0] == 2


def test_render_draws_a_picture(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    code, out, _ = ended(["render", "world.splatworld", "-o", "x.png", "--width", "64", "--height", "48"], capsys)
    assert (code, out) == (0, "x.png\n")
    with Image.open("x.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (48, 64, 3)
    middle = pixels[20:28, 28:36].mean((0, 1))
    assert middle[0] > 120 > 60 > middle[1]
    assert pixels[:4, :4].max() < 10


@pytest.mark.parametrize("camera", ["orbit", "walk"])
def test_render_makes_a_film(folder: Path, capsys: pytest.CaptureFixture[str], camera: str) -> None:
    import av

    arguments = ["render", "world.splatworld", "-o", "x.mp4", "--camera", camera, "--seconds", "0.5", "--fps", "10"]
    assert ended([*arguments, "--width", "64", "--height", "48"], capsys)[0] == 0
    with av.open("x.mp4") as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert film.streams.video[0].average_rate == 10
    assert len(frames) == 5
    assert frames[0].shape == (48, 64, 3)
    assert np.abs(frames[0].astype(int) - frames[3]).max() > 20
    assert all(frame[18:30, 24:40, 0].max() > 120 for frame in frames)


def test_walks_and_orbits_keep_above_the_ground() -> None:
    from splatworld.cli import shots

    world = small_world()
    for shot in (shots.orbit, shots.walk):
        eyes = shot(world, 12, 32, 32).positions
        assert float(eyes[:, 2].min()) >= 1.7 - 1e-4
    walked = shots.walk(world, 12, 32, 32).positions
    torch.testing.assert_close(walked[0], torch.tensor([0.0, -5.0, 1.7]), atol=1e-4, rtol=0)
    assert -2 < float(walked[-1, 1]) < -1


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 1), (Cancelled("stopped"), 1), (MemoryError(), 1)])
def test_what_stops_the_work_ends_it_cleanly(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    from splatworld.formats import ply

    def stopped(*args, **kwargs):
        raise error

    monkeypatch.setattr(ply._Sink, "encode", stopped)
    found, out, err = ended(["convert", "world.splatworld", "new.ply"], capsys)
    assert (found, out) == (code, "")
    assert err.count("\n") == 1
    assert [p.name for p in folder.iterdir()] == ["world.splatworld"]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 143)])
def test_signals_leave_nothing_half_written(folder: Path, sent: signal.Signals, code: int) -> None:
    command = [sys.executable, "-m", "splatworld.cli", "render", "world.splatworld", "-o", "x.mp4", "--seconds", "300"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not any(p.suffix == ".mp4" for p in folder.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(sent)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert [p.name for p in folder.iterdir()] == ["world.splatworld"]


def test_a_closed_pipe_is_no_error(folder: Path) -> None:
    command = f"{sys.executable} -m splatworld.cli info world.splatworld --json | true; echo ${{PIPESTATUS[0]}}"
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert found.stdout.strip() in ("0", "141")
    assert found.stderr == ""


def test_a_full_disk_behind_stdout_is_told(folder: Path) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "splatworld.cli", "spec", "--schema"]
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert found.returncode != 0
    assert "Traceback" not in found.stderr
    assert "No space left" in found.stderr
