"""The kernel that moves numbers between records and tensors does what numpy and torch do, to the bit."""

from pathlib import Path

import numpy as np
import pytest
import torch
from format_cases import Heard, random_splats
from hypothesis import given, settings
from hypothesis import strategies as st

from splatworld import formats
from splatworld.errors import OutputError
from splatworld.formats import ply_rows
from splatworld.formats.ply_rows import Columns
from splatworld.splats import Splats

NUMBERS = ("means", "quats", "log_scales", "logit_opacities", "sh")
kernel = pytest.mark.skipif(ply_rows._cpu is None, reason="splatworld was installed without its kernels")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows")


def without_kernel(path: Path, heard: Heard) -> Splats:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ply_rows, "_cpu", None)
        return formats.load(path, progress=heard).layers[0].splats


def reordered(path: Path, order: np.ndarray, kind: str, strange: int) -> None:
    """The same PLY with its properties in another order, of another type, among some that nobody knows."""
    head, body = path.read_bytes().split(b"end_header\n", 1)
    lines = head.decode().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("property"))
    names = [line.split()[-1] for line in lines[start:]] + [f"strange_{i}" for i in range(strange)]
    order = np.concatenate([order[order < len(names)], np.arange(len(order), len(names))])
    values = np.frombuffer(body, "<f4").reshape(-1, len(names) - strange)
    values = np.concatenate([values, np.full((len(values), strange), 7, np.float32)], 1)[:, order]
    types = {"<f4": ("binary_little_endian", "float"), ">f4": ("binary_big_endian", "float"),
             "<f8": ("binary_little_endian", "double")}  # fmt: skip
    endian, type_name = types[kind]
    lines[1] = f"format {endian} 1.0"
    lines[start:] = [f"property {type_name} {names[i]}" for i in order]
    path.write_bytes("\n".join([*lines, "end_header", ""]).encode() + values.astype(kind).tobytes())


@kernel
@given(
    n=st.integers(1, 70),
    degree=st.integers(0, 4),
    seed=st.integers(0, 99),
    kind=st.sampled_from(["<f4", ">f4", "<f8"]),
    strange=st.integers(0, 3),
    mixed=st.booleans(),
    bad=st.lists(st.tuples(st.integers(0, 69), st.sampled_from([np.nan, np.inf, -1e7, 0.0])), max_size=3),
)
@settings(max_examples=25, deadline=None)
def test_any_layout_is_read_alike(
    folder: Path, n: int, degree: int, seed: int, kind: str, strange: int, mixed: bool, bad: list[tuple[int, float]]
) -> None:
    path, rng = folder / "x.ply", np.random.default_rng(seed)
    splats = random_splats(n, degree=degree, seed=seed).with_extras(normal=torch.randn(n, 3))
    formats.save(splats, path, force=True)
    data = bytearray(path.read_bytes())
    width = 17 + 3 * ((degree + 1) ** 2 - 1)
    records = np.frombuffer(data, "<f4", offset=len(data) - 4 * n * width).reshape(n, width)
    for row, value in bad:
        records[row % n, rng.integers(width)] = value
    path.write_bytes(data)
    if mixed or strange or kind != "<f4":
        reordered(path, rng.permutation(width) if mixed else np.arange(width), kind, strange)
    by_kernel, by_torch = Heard(), Heard()
    found, expected = formats.load(path, progress=by_kernel).layers[0].splats, without_kernel(path, by_torch)
    for name in NUMBERS:
        assert getattr(found, name).numpy().tobytes() == getattr(expected, name).numpy().tobytes(), name
    assert found.extras.keys() == expected.extras.keys()
    assert all(torch.equal(found.extras[name], expected.extras[name]) for name in found.extras)
    assert by_kernel.texts() == by_torch.texts()


@kernel
@pytest.mark.parametrize("degree", range(5))
@pytest.mark.parametrize("extras", [(), ("normal",), ("normal", "thing")])
def test_files_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, degree: int, extras: tuple[str, ...]
) -> None:
    n = 100
    kept = {"normal": torch.randn(n, 3).half(), "thing": torch.arange(n, dtype=torch.int32)}
    splats = random_splats(n, degree=degree).with_extras(**{name: kept[name] for name in extras})
    splats.sh[5] *= -0.0
    formats.save(splats, tmp_path / "kernel.ply")
    monkeypatch.setattr(ply_rows, "_cpu", None)
    formats.save(splats, tmp_path / "torch.ply")
    assert (tmp_path / "kernel.ply").read_bytes() == (tmp_path / "torch.ply").read_bytes()


@pytest.mark.parametrize("with_kernel", [pytest.param(True, marks=kernel), False])
@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_no_number_are_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_kernel: bool, name: str, value: float
) -> None:
    if not with_kernel:
        monkeypatch.setattr(ply_rows, "_cpu", None)
    splats = random_splats(40, degree=1)
    getattr(splats, name)[33] = value
    with pytest.raises(OutputError):
        formats.save(splats, tmp_path / "x.ply")
    assert not any(tmp_path.iterdir())


@kernel
def test_tensors_that_do_not_fit_are_refused() -> None:
    columns = Columns.at(4, {"means": (0, 1, 2), "logit_opacities": (3,)})
    records = np.zeros((5, 4), np.float32)
    for means in (torch.zeros(4, 3), torch.zeros(5, 4), torch.zeros(5, 3).double(), torch.zeros(3, 5).T):
        with pytest.raises(ValueError, match="do not fit"):
            columns.spread(records, [means, torch.zeros(5)], {})
    with pytest.raises(ValueError, match="do not fit"):
        columns.spread(records[:, ::2], [torch.zeros(5, 3), torch.zeros(5)], {})


def test_the_usual_layout_takes_few_moves() -> None:
    bands = [9 + channel * 15 + i for i in range(15) for channel in range(3)]
    columns = Columns.at(62, {"means": (0, 1, 2), "sh": (6, 7, 8, *bands), "quats": (58, 59, 60, 61)})
    assert [move for move in columns.moves if move[0] >= 0] == [
        (0, 0, 0, 3, 1), (1, 6, 0, 3, 1), (1, 9, 3, 15, 3), (2, 58, 0, 4, 1),
    ]  # fmt: skip
