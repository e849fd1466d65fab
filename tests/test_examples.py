"""Every example runs, says something and writes what it promises."""

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("[0-9]*.py"))
WRITES = {
    "00_one_splat": ["one_splat.png"],
    "01_world_from_words": ["cabin.splatworld"],
    "02_render_a_camera": ["start.png", "round_3.png"],
    "03_edit_a_world": ["edited.splatworld"],
    "04_convert_a_file": ["beach.ply", "beach.splat", "beach.splatworld", "beach.spz"],
    "05_what_stands_where": ["things.csv"],
    "06_fit_a_picture": ["colour.png", "normals.png", "near_and_far.png", "fitted.png"],
    "07_files_for_others": ["centimetres.ply", "small.sog"],
}
SAYS = {
    "00_one_splat": "distance of the camera: 4.0",
    "01_world_from_words": "not understood: zeppelin",
    "02_render_a_camera": "the middle shows",
    "03_edit_a_world": "cabin: white, now red",
    "04_convert_a_file": "beach.spz",
    "05_what_stands_where": "house 3,white",
    "06_fit_a_picture": "dB after",
    "07_files_for_others": "boats: 3",
}


def test_all_examples_are_known_here():
    assert [path.stem for path in EXAMPLES] == sorted(WRITES)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(path), str(tmp_path), "3000"])
    runpy.run_path(str(path), run_name="__main__")
    assert SAYS[path.stem] in capsys.readouterr().out
    assert all((tmp_path / name).stat().st_size > 100 for name in WRITES[path.stem])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_says_what_one_learns(path):
    text = path.read_text()
    assert len(text.splitlines()) < 60
    assert "You learn:" in text
