"""Damaged files of single formats end in a sentence about what is wrong with them; see also `test_hostile`."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from format_cases import DATA, Heard

from splatworld import formats, limits
from splatworld.errors import FormatError
from splatworld.splats import Splats


def is_sound(splats: Splats) -> bool:
    values = [splats.means, splats.quats, splats.log_scales, splats.logit_opacities, splats.sh]
    return all(bool(v.isfinite().all()) for v in values) and bool((splats.means.abs() <= 1.1e6).all())


def outcome(path: Path) -> str:
    """What reading a file comes to; anything but these two fails the test that asks."""
    try:
        world = formats.load(path)
    except FormatError:
        return "refused"
    assert is_sound(world.splats())
    return "read"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ply_ascii.ply", "refused"),
        ("ply_crlf.ply", "read"),
        ("ply_empty.ply", "read"),
        ("ply_huge.ply", "refused"),
        ("ply_nan.ply", "read"),
        ("spz_huge.spz", "refused"),
    ],
)
def test_our_malformed_files(name: str, expected: str) -> None:
    assert outcome(DATA / name) == expected


def test_bad_rows_are_dropped_and_told() -> None:
    heard = Heard()
    assert len(formats.load(DATA / "ply_nan.ply", progress=heard)) == 9
    assert "dropped 1 of 10" in heard.texts()
    assert "no rotation" in heard.texts()


def ply(path: Path, header: str, body: bytes = b"") -> Path:
    path.write_bytes(f"ply\nformat binary_little_endian 1.0\n{header}end_header\n".encode() + body)
    return path


NAMES = [
    *"xyz",
    "f_dc_0",
    "f_dc_1",
    "f_dc_2",
    "opacity",
    "scale_0",
    "scale_1",
    "scale_2",
    *(f"rot_{i}" for i in range(4)),
]
PROPERTIES = "".join(f"property float {name}\n" for name in NAMES)


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("element vertex -1\n" + PROPERTIES, "broken header line"),
        ("element vertex 99999999999999999999\n" + PROPERTIES, "broken header line"),
        ("element vertex 1000\n" + PROPERTIES, "claims 1,000 splats"),
        ("element vertex 1\nproperty list uchar int x\n", "has a list"),
        ("element face 1\nproperty list uchar int x\nelement vertex 0\n" + PROPERTIES, "has a list"),
        ("element face 999999999999\nproperty float a\nelement vertex 0\n" + PROPERTIES, "claims 0 splats"),
        ("element vertex 0\nproperty float x\nproperty float x\n", "same name"),
        ("element vertex 0\nproperty quad x\n", "unknown property type"),
        ("element vertex 0\nproperty float x\nproperty float y\nproperty float z\n", "no 3D Gaussians"),
        ("element vertex 0\n" + PROPERTIES + "property float f_rest_0\n", "f_rest"),
        ("property float x\n", "broken header line"),
        ("", "no 'vertex' element"),
        ("element vertex 0\n" + "".join(f"property float p{i}\n" for i in range(300)), "properties"),
        ("element chunk 0\nproperty float min_x\nelement vertex 0\nproperty uint packed_position\n", "no 3D Gaussians"),
    ],
)
def test_bad_ply_headers(tmp_path: Path, header: str, sentence: str) -> None:
    with pytest.raises(FormatError, match=sentence):
        formats.load(ply(tmp_path / "x.ply", header))


def test_a_compressed_ply_needs_enough_chunks(tmp_path: Path) -> None:
    words = "".join(f"property uint packed_{name}\n" for name in ("position", "rotation", "scale", "color"))
    header = "element chunk 1\nproperty float min_x\nelement vertex {}\n" + words
    with pytest.raises(FormatError, match="too few"):
        formats.load(ply(tmp_path / "x.ply", header.format(257), bytes(4 + 16 * 257)))
    with pytest.raises(FormatError, match="chunks lack min_y"):
        formats.load(ply(tmp_path / "x.ply", header.format(2), bytes(4 + 16 * 2)))
    with pytest.raises(FormatError, match="not all of type uint"):
        formats.load(ply(tmp_path / "x.ply", header.format(2).replace("uint", "float"), bytes(4 + 16 * 2)))


def test_ply_skips_what_it_does_not_know(tmp_path: Path) -> None:
    extra = "element camera 2\nproperty double focal\nproperty uchar flag\n"
    vertex = "element vertex 1\nproperty uchar red\n" + PROPERTIES + "property int other\n"
    record = np.zeros(1, [("red", "u1"), *((name, "<f4") for name in NAMES), ("other", "<i4")])
    record["x"], record["rot_0"] = 7, 1
    path = ply(
        tmp_path / "x.ply", extra + vertex + "element face 1\nproperty list uchar int v\n", bytes(18) + record.tobytes()
    )
    heard = Heard()
    assert formats.load(path, progress=heard).splats().means.tolist() == [[7, 0, 0]]
    assert "'red', 'other', the element 'camera'" in heard.texts()


def test_ply_reads_doubles_and_big_endian_in_any_order(tmp_path: Path) -> None:
    names = NAMES[::-1]
    record = np.zeros(1, [(name, ">f8") for name in names])
    record["y"], record["z"], record["rot_0"], record["opacity"] = -2, 3, 1, np.inf
    header = "ply\nformat binary_big_endian 1.0\nelement vertex 1\n" + "".join(f"property double {n}\n" for n in names)
    (tmp_path / "x.ply").write_bytes((header + "end_header\n").encode() + record.tobytes())
    splats = formats.load(tmp_path / "x.ply").splats()
    torch.testing.assert_close(splats.means, torch.tensor([[0.0, 3.0, 2.0]]), atol=1e-5, rtol=0)
    assert splats.opacities.item() == pytest.approx(1)


def spz(version: int = 3, n: int = 1, degree: int = 0, bits: int = 12, body: bytes = bytes(20)) -> bytes:
    return struct.pack("<4sIIBBBB", b"NGSP", version, n, degree, bits, 0, 0) + body


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (gzip.compress(spz(version=9)), "version 9"),
        (gzip.compress(spz(version=4)), "inside gzip"),
        (gzip.compress(spz(degree=4)), "degree 4"),
        (gzip.compress(spz(bits=60)), "60 fractional bits"),
        (gzip.compress(spz(n=2)), "ends early"),
        (gzip.compress(spz(n=100_000)), "claims 100,000 splats"),
        (gzip.compress(spz() + bytes(limits.SPZ_TRAILING_BYTES + 1)), "more than its header"),
        (gzip.compress(spz())[:-6], "checksum is missing"),
        (gzip.compress(spz())[:-8] + bytes(8), "damaged"),
        (gzip.compress(b"something else entirely"), "no SPZ"),
        (spz(n=2), "claims 2 splats"),
        (spz(version=4, n=3), "table of its 0 streams"),
    ],
)
def test_bad_spz(tmp_path: Path, data: bytes, sentence: str) -> None:
    (tmp_path / "x.spz").write_bytes(data)
    with pytest.raises(FormatError, match=sentence):
        formats.load(tmp_path / "x.spz")


def test_spz_4_streams_must_be_as_long_as_they_say(tmp_path: Path) -> None:
    whole = bytearray((DATA / "minimal-v4.spz").read_bytes())
    (tmp_path / "x.spz").write_bytes(whole[:-4])
    assert outcome(tmp_path / "x.spz") == "refused"
    for end in range(16, len(whole)):  # also within its table
        (tmp_path / "x.spz").write_bytes(whole[:end])
        assert outcome(tmp_path / "x.spz") == "refused"
    whole[32 + 8] += 1
    (tmp_path / "x.spz").write_bytes(whole)
    assert outcome(tmp_path / "x.spz") == "refused"


def test_splat_of_a_broken_size(tmp_path: Path) -> None:
    (tmp_path / "x.splat").write_bytes(bytes(33))
    with pytest.raises(FormatError, match="multiple of 32"):
        formats.load(tmp_path / "x.splat")


def test_a_file_beyond_all_bounds_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.splat"
    with open(path, "wb") as file:
        file.truncate(limits.FILE_BYTES_MAX + 32)  # a hole, which takes no room on the disk
    with pytest.raises(FormatError, match="64 GiB"):
        formats.load(path)
