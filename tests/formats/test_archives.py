"""Names that lead out of an archive or a folder, and JSON that is deep, double or no JSON: nothing is followed."""

import json
import os
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from format_cases import random_splats

from splatworld import formats
from splatworld.errors import FormatError

NAMES = ("../secret.webp", "/secret.webp", "..\\secret.webp", "\\secret.webp", "C:\\secret.webp", "a/../../secret.webp",
         "secret.webp\0.webp", "", ".", "..", "http://x/secret.webp", "file:///secret.webp", "x" * 5_000)  # fmt: skip
DEEP = b"[" * 200_000 + b"]" * 200_000


@pytest.fixture
def sog(tmp_path: Path) -> Path:
    """An archive in a folder of its own; a picture that is not its business lies outside."""
    folder = tmp_path / "folder"
    folder.mkdir()
    formats.save(random_splats(20, degree=1), folder / "x.sog")
    with zipfile.ZipFile(folder / "x.sog") as archive:
        (tmp_path / "secret.webp").write_bytes(archive.read("scales.webp"))
    return folder / "x.sog"


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path: Path, content: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, data)
    return path


def naming(meta: bytes, name: str) -> bytes:
    found = json.loads(meta)
    found["scales"]["files"] = [name]
    return json.dumps(found).encode()


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_is_asked_for_the_names_in_it_only(sog: Path, name: str) -> None:
    content = members(sog)
    content["meta.json"] = naming(content["meta.json"], name)
    with pytest.raises(FormatError, match=r"x\.sog"):
        formats.load(packed(sog, content))


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_is_not_left(sog: Path, name: str) -> None:
    shutil.unpack_archive(sog, sog.parent, "zip")
    meta = sog.parent / "meta.json"
    meta.write_bytes(naming(meta.read_bytes(), name))
    with pytest.raises(FormatError):
        formats.load(meta)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key", ["filenames", "environment"])
def test_a_streamed_scene_does_not_leave_its_folder(sog: Path, name: str, key: str) -> None:
    shutil.unpack_archive(sog, sog.parent / "0", "zip")
    leaf = {"lods": {"0": {"file": 0, "offset": 0, "count": 20}}}
    scene = {"lodLevels": 1, "filenames": ["0/meta.json"], "tree": {"children": [leaf]}}
    path = sog.parent / "lod-meta.json"
    path.write_text(json.dumps(scene))
    assert len(formats.load(path)) == 20
    path.write_text(json.dumps(scene | {key: [name] if key == "filenames" else name}))
    with pytest.raises(FormatError):
        formats.load(path)


def test_what_else_an_archive_holds_is_never_written(sog: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    hostile = dict.fromkeys([*NAMES[:6], "/etc/evil", "evil.sh"], b"evil")
    assert len(formats.load(packed(sog, {**members(sog), **hostile}))) == 20
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_in_an_archive_is_its_text(sog: Path) -> None:
    content = members(sog)
    del content["scales.webp"]
    packed(sog, content)
    link = zipfile.ZipInfo("scales.webp")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(sog, "a") as archive:
        archive.writestr(link, "../secret.webp")
    with pytest.raises(FormatError, match="no WebP picture"):
        formats.load(sog)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_a_link_in_a_folder_does_not_lead_out_of_it(sog: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(sog, sog.parent, "zip")
    (sog.parent / "scales.webp").unlink()
    (sog.parent / "scales.webp").symlink_to(tmp_path / "secret.webp")
    with pytest.raises(FormatError, match="a link to another folder"):
        formats.load(sog.parent / "meta.json")


def test_an_archive_in_an_archive_is_no_picture(sog: Path) -> None:
    content = members(sog)
    content["scales.webp"] = sog.read_bytes()
    with pytest.raises(FormatError, match="no WebP picture"):
        formats.load(packed(sog, content))


def glb(text: bytes) -> bytes:
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sII", b"glTF", 2, 20 + len(text)) + struct.pack("<I4s", len(text), b"JSON") + text


HOLDERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "meta.json": ("meta.json", lambda text: text),
    "lod-meta.json": ("lod-meta.json", lambda text: text),
    "glb": ("x.glb", glb),
}
TEXTS = {
    "deep": b'{"a":' + DEEP + b"}",
    "deep where we look": b'{"means":' + DEEP + b',"tree":' + DEEP + b',"nodes":' + DEEP + b"}",
    "no end": b'{"a":[',
    "no JSON": b"\x00\xff\xfe",
    "empty": b" ",
    "null": b"null",
    "a list": b"[]",
    "no number": b'{"count":NaN,"scene":NaN}',
    "a number without end": b'{"count":' + b"9" * 100_000 + b',"scene":' + b"9" * 100_000 + b"}",
    "no text": b'{"model":"\xff","filenames":["\xff"],"extensionsUsed":["\xff"]}',
    "half a character": b'{"model":"\\ud800","filenames":["\\ud800"],"extensionsUsed":["\\ud800"]}',
}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("text", TEXTS)
def test_json_that_is_none_is_refused(tmp_path: Path, holder: str, text: str) -> None:
    name, wrapped = HOLDERS[holder]
    (tmp_path / name).write_bytes(wrapped(TEXTS[text]))
    with pytest.raises(FormatError, match=name):
        formats.load(tmp_path / name)


def test_of_a_key_that_stands_twice_the_last_counts(sog: Path) -> None:
    """As in JavaScript, whose programs read these files too."""
    content = members(sog)
    content["meta.json"] = content["meta.json"].replace(b'"count":20', b'"count":99999999999,"count":20')
    assert len(formats.load(packed(sog, content))) == 20
    content["meta.json"] = content["meta.json"].replace(b'"count":20', b'"count":20,"count":99999999999')
    with pytest.raises(FormatError, match="claims 99,999,999,999"):
        formats.load(packed(sog, content))
