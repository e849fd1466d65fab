"""Bad input and bad luck on the command line: a clear sentence, the right exit code, nothing half-written or harmed."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from splatworld import formats, limits, scene_spec
from splatworld.cli import main
from splatworld.splats import Splats

COMMAND = (sys.executable, "-m", "splatworld.cli")
EARLIER = b"an earlier world"
CONTROLS = ("Cc", "Cf", "Co", "Cs")


def run(folder: Path, *arguments: str, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    """`splatworld ARGUMENTS` in `folder`; `before` runs in the child."""
    return subprocess.run([*COMMAND, *arguments], cwd=folder, capture_output=True, text=True, preexec_fn=before)


def is_one_sentence(text: str) -> bool:
    """True for a single line of ours without a trace of Python."""
    return text.startswith("splatworld: ") and text.count("\n") == 1 and "Traceback" not in text and "Error" not in text


def names(folder: Path) -> list[str]:
    """All that is in a folder, hidden files too."""
    return sorted(p.name for p in folder.iterdir())


# Sentences ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("", "give a sentence"),
        ("   \t\n", "no word to build from"),
        ("🦊🌲🏡", "no word to build from"),
        ("?!… — «»", "no word to build from"),
        ("a red cabin " * 334, "4,0"),
        ("\u202e\u200b\ufeff", "no word to build from"),
    ],
)
@pytest.mark.parametrize("verb", [("spec",), ("generate", "--out", "new.splatworld")])
def test_sentences_that_hold_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sentence, said, verb
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*verb, "--", sentence]) == 2
    out, err = capsys.readouterr()
    assert is_one_sentence(err)
    assert said in err
    assert out == ""
    assert names(tmp_path) == []


def test_the_longest_sentence_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = ("a red cabin " * 400)[: limits.PROMPT_CHARS]
    assert main(["spec", sentence]) == 0
    assert main(["spec", sentence + "s"]) == 2


@pytest.mark.parametrize(
    "sentence",
    [
        "a red cabin\x1b[2J\x1b]0;owned\x07 by\x08\x7f a lake\u202e \u2066two boats",
        '<script>alert("a red cabin")</script> <img src=x onerror=alert(1)> by a lake',
        "a red cabin; touch owned; $(touch owned) `touch owned` | tee owned & by a lake",
        '{"place": "lake", "items": [{"id": "cabin", "thing": "cabin", "count": 1e9}], "__proto__": {}}',
        "a red cabin by a lake' OR 1=1; DROP TABLE blob; -- ../../../owned %s %n {0.__class__}",
    ],
)
def test_hostile_sentences_are_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for options in ([], ["--plain"]):
        assert main(["spec", *options, "--", sentence]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert "cabin" in out
        assert not [c for c in out if unicodedata.category(c) in CONTROLS and c != "\n"]
        if not options:
            spec = scene_spec.decode(out.encode())
            assert sum(item.count for item in spec.items) <= limits.SPEC_TOTAL_COUNT
    assert names(tmp_path) == []


# Specs ----------------------------------------------------------------------------------------------------------------

TREES = {"id": "pine", "thing": "pine"}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ('{"magic": 1}', "magic"),
        ('{"items": [{"id": "pine", "thing": "pine", "spell": 1}]}', "spell"),
        ('{"covers": [{"thing": "pine", "density": NaN}]}', "not valid"),
        ('{"covers": [{"thing": "pine", "density": 1e999}]}', "not valid"),
        (json.dumps({"items": [TREES | {"count": -1}]}), "count"),
        (json.dumps({"items": [TREES | {"count": 10**9}]}), "count"),
        (json.dumps({"items": [TREES | {"count": 10**40}]}), "count"),
        (json.dumps({"items": [TREES | {"id": f"p{i}", "count": 500} for i in range(5)]}), "2,500"),
        (json.dumps({"items": [TREES, TREES]}), "two items"),
        (json.dumps({"items": [TREES | {"relations": [{"kind": "by", "to": ["moon"]}]}]}), "moon"),
        (json.dumps({"items": [TREES | {"thing": "spaceship"}]}), "spaceship"),
        (json.dumps({"items": [TREES | {"colour": "octarine"}]}), "octarine"),
        (json.dumps({"seed": -1}), "seed"),
        (json.dumps({"seed": 2**40}), "seed"),
        (json.dumps({"version": 2}), "version"),
        (json.dumps({"place": "moon"}), "place"),
        ("[" * 100_000, "not valid"),
        ("{", "not valid"),
        ("null", "not valid"),
        ("\x00\x01", "not valid"),
        ('{"prompt": "' + "a" * limits.SPEC_FILE_BYTES + '"}', "at most"),
    ],
)
def test_specs_that_cannot_be_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], spec: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.json").write_text(spec)
    Path("old.splatworld").write_bytes(EARLIER)
    command = ["generate", "--spec", "spec.json", "--out", "old.splatworld", "--force", "--splats", "1000"]
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert is_one_sentence(err.splitlines(keepends=True)[-1])
    assert said in err
    assert out == ""
    assert names(tmp_path) == ["old.splatworld", "spec.json"]
    assert Path("old.splatworld").read_bytes() == EARLIER


# Outputs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("old.splatworld", "--force replaces it"),
        ("none/new.splatworld", "there is no folder"),
        ("folder.splatworld", "it is a folder"),
        ("old.splatworld/new.ply", "cannot write"),
        ("pipe.ply", "no regular file"),
        ("n" * 300 + ".ply", "too long"),
    ],
)
def test_outputs_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], target: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.splatworld").write_bytes(EARLIER)
    Path("folder.splatworld").mkdir()
    os.mkfifo("pipe.ply")
    before = names(tmp_path)
    assert main(["generate", "a cabin", "--out", target]) == 1
    out, err = capsys.readouterr()
    assert is_one_sentence(err)  # and no stage of work before it
    assert said in err
    assert out == ""
    assert names(tmp_path) == before
    assert Path("old.splatworld").read_bytes() == EARLIER


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o500)
    assert main(["generate", "a cabin", "--out", str(tmp_path / "new.ply")]) == 1
    err = capsys.readouterr().err
    assert is_one_sentence(err)
    assert "not permitted" in err


def test_in_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "old.ply").write_bytes(EARLIER)
    found = run(tmp_path, "generate", "a cabin", "--out", "old.ply")
    assert (found.returncode, found.stdout) == (1, "")
    assert is_one_sentence(found.stderr)
    assert names(tmp_path) == ["old.ply"]


@pytest.mark.parametrize("suffix", ["splatworld", "ply", "splat", "spz"])
def test_a_full_disk(tmp_path: Path, big: Path, suffix: str) -> None:
    """A limit on the size of files stands for the disk: the system refuses in the middle of writing."""
    old = tmp_path / f"old.{suffix}"
    old.write_bytes(EARLIER)
    full = 200_000
    found = run(
        tmp_path, "convert", str(big), old.name, "--force",
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (full, full)),
    )  # fmt: skip
    assert found.returncode == 1, found.stderr
    assert is_one_sentence(found.stderr.splitlines(keepends=True)[-1])
    assert "cannot write" in found.stderr
    assert "Traceback" not in found.stderr
    assert names(tmp_path) == [old.name]
    assert old.read_bytes() == EARLIER


# Interruptions --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PLY of 150,000 splats that no compressor likes."""
    rng = np.random.default_rng(5)
    n = 150_000
    normal = lambda *shape: torch.from_numpy(rng.normal(size=shape).astype(np.float32))  # noqa: E731
    path = tmp_path_factory.mktemp("big") / "big.ply"
    formats.save(Splats(normal(n, 3), normal(n, 4), normal(n, 3) - 3, normal(n), normal(n, 1, 3)), path)
    return path


def interrupted(process: subprocess.Popen[str], ready: Callable[[], bool]) -> tuple[int, str]:
    """Ctrl-C as soon as `ready`; exit code and stderr."""
    deadline = time.monotonic() + 90
    while not ready():
        assert process.poll() is None, "it ended before it could be interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    # Python may end by the signal itself after all is said, where it passed through `eval`.
    return 1 if process.returncode == -signal.SIGINT else process.returncode, err


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="sees by /proc what a process is loading")
@pytest.mark.parametrize("library", ["libtorch_cpu", "libtorch_python"])
def test_interrupted_while_torch_loads(tmp_path: Path, library: str) -> None:
    command = [*COMMAND, "generate", "a cabin", "--out", "new.ply"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    maps = Path(f"/proc/{process.pid}/maps")
    assert interrupted(process, lambda: library in maps.read_text()) == (1, "splatworld: stopped\n")
    assert names(tmp_path) == []


@pytest.mark.parametrize("stage", ["2/5 layout", "4/5 splats"])
def test_interrupted_while_generating(tmp_path: Path, stage: str) -> None:
    (tmp_path / "old.splatworld").write_bytes(EARLIER)
    command = [*COMMAND, "generate", "a red cabin in a forest", "--out", "old.splatworld", "--force"]
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=log, text=True)
        code, _ = interrupted(process, lambda: stage in (tmp_path / "log").read_text())
    said = (tmp_path / "log").read_text()
    assert (code, said.splitlines()[-1]) == (1, "splatworld: stopped")
    assert "Traceback" not in said
    assert names(tmp_path) == ["log", "old.splatworld"]
    assert (tmp_path / "old.splatworld").read_bytes() == EARLIER


@pytest.mark.parametrize("suffix", ["spz", "splatworld"])
def test_interrupted_while_saving(tmp_path: Path, big: Path, suffix: str) -> None:
    old = tmp_path / f"old.{suffix}"
    old.write_bytes(EARLIER)
    command = [*COMMAND, "convert", str(big), old.name, "--force"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    code, err = interrupted(process, lambda: len(names(tmp_path)) > 1)
    assert (code, err.splitlines()[-1]) == (1, "splatworld: stopped"), err
    assert names(tmp_path) == [old.name]
    assert old.read_bytes() == EARLIER
