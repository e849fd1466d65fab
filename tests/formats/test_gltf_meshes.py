"""Meshes in GLB files: written for others, read from others."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import peers
import pytest
import trimesh
from glb_cases import Made
from PIL import Image

from splatworld import formats, limits
from splatworld.errors import FormatError, OutputError
from splatworld.formats import gltf, gltf_container, gltf_read
from splatworld.formats.meshes import Material, Mesh
from splatworld.palette import display_from_linear

CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]], np.float32)
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
TURNED = np.array([[0, 0, 0], [1, 0, 0], [0, 0, -2], [0, 3, 0]], np.float32)
"""The corners in the axes of glTF."""


def read(path: Path) -> list[Mesh]:
    with gltf_container.opened(path) as glb:
        return list(gltf_read.meshes(glb))


def painted() -> Mesh:
    """With two materials, one of which has a picture and one is half transparent."""
    texture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    materials = (Material(texture=texture), Material((1.0, 0.25, 0.0), 0.5, emission=(0.1, 0.0, 0.0)))
    uv = np.array([[0, 0], [1, 0], [0, 1], [0.5, 0.25]], np.float32)
    return Mesh("painted", CORNERS, FACES, uv=uv, materials=materials, material=np.array([0, 0, 1, 1], np.int32))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    colours = rng.random((4, 3)).astype(np.float32)
    normals = rng.normal(size=(4, 3)).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    plain = Mesh("plain", CORNERS, FACES, colours=colours, normals=normals)
    gltf.write_meshes(tmp_path / "x.glb", [plain, painted(), Mesh("points", CORNERS, FACES[:0], colours=colours)])
    first, second, third = read(tmp_path / "x.glb")
    assert [mesh.name for mesh in (first, second, third)] == ["plain", "painted", "points"]
    np.testing.assert_allclose(first.vertices, TURNED, atol=1e-6)
    np.testing.assert_array_equal(first.faces, FACES)
    np.testing.assert_allclose(first.colours, colours, atol=1e-3)
    np.testing.assert_allclose(first.normals, normals[:, [0, 2, 1]] * [1, 1, -1], atol=1e-6)
    assert second.uv is not None
    np.testing.assert_allclose(second.vertices[second.faces], TURNED[FACES], atol=1e-6)
    np.testing.assert_array_equal(second.uv[second.faces], painted().uv[FACES])
    assert second.material is not None
    assert second.material.tolist() == [0, 0, 1, 1]
    for found, made in zip(second.materials, painted().materials, strict=True):
        np.testing.assert_allclose([*found.colour, found.opacity], [*made.colour, made.opacity], atol=1e-6)
        np.testing.assert_allclose(found.emission, made.emission, atol=1e-6)
    np.testing.assert_array_equal(second.materials[0].texture, painted().materials[0].texture)
    assert third.faces.shape == (0, 3)


def test_others_see_our_meshes(tmp_path: Path) -> None:
    gltf.write_meshes(tmp_path / "x.glb", [Mesh("a", CORNERS, FACES), painted()], extras={"unit": "metre"}, unlit=True)
    scene = trimesh.load(tmp_path / "x.glb")
    assert scene.metadata["unit"] == "metre"
    np.testing.assert_allclose(scene.geometry["a"].vertices, TURNED, atol=1e-6)
    assert scene.geometry["a"].volume == pytest.approx(1)  # faces look outwards: it would be negative else


def test_khronos_validator_has_nothing_to_say(tmp_path: Path) -> None:
    peers.need("gltf-validator")
    big = Mesh("big", np.tile(CORNERS, (20_000, 1)), FACES + 79_000)
    gltf.write_meshes(tmp_path / "x.glb", [Mesh("a", CORNERS, FACES), big, Mesh("points", CORNERS, FACES[:0])])
    assert peers.gltf_issues(tmp_path / "x.glb") == []
    gltf.write_meshes(tmp_path / "y.glb", [painted()])
    assert {issue["code"] for issue in peers.gltf_issues(tmp_path / "y.glb")} <= {
        "UNUSED_OBJECT"
    }  # uv of the plain part


def test_equal_materials_are_written_once(tmp_path: Path) -> None:
    made = gltf_container.draft()
    for name in ("a", "b", "c"):
        gltf.add_mesh(made, Mesh(name, CORNERS, FACES))
    assert len(made.json["materials"]) == 1


@pytest.mark.parametrize(
    ("mesh", "sentence"),
    [
        (Mesh("m", CORNERS * np.float32(math.nan), FACES), "vertices of 'm'"),
        (Mesh("m", CORNERS, FACES, colours=CORNERS[:2]), "colours of 'm'"),
        (Mesh("m", CORNERS, FACES + 1), "faces beyond its 4"),
        (Mesh("m", CORNERS, FACES - 1), "faces beyond its 4"),
    ],
)
def test_what_means_nothing_is_not_written(tmp_path: Path, mesh: Mesh, sentence: str) -> None:
    with pytest.raises(OutputError, match=sentence):
        gltf.write_meshes(tmp_path / "x.glb", [mesh])
    assert list(tmp_path.iterdir()) == []


def shown(attributes: dict[str, int], **more: Any) -> dict[str, Any]:
    """The rest of a file that shows one primitive."""
    primitive = {"attributes": attributes, **more}
    return {"scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}], "meshes": [{"primitives": [primitive]}]}


@pytest.mark.parametrize(
    ("mode", "faces"),
    [(4, [[0, 1, 2]]), (5, [[0, 1, 2], [1, 3, 2]]), (6, [[1, 2, 0], [2, 3, 0]])],
)
def test_lists_strips_and_fans(tmp_path: Path, mode: int, faces: list[list[int]]) -> None:
    made = Made()
    made.json |= shown({"POSITION": made.put(CORNERS)}, mode=mode)
    (mesh,) = read(made.write(tmp_path / "x.glb"))
    assert mesh.faces.tolist() == faces


def test_affine_nodes_place_meshes_and_keep_their_outside(tmp_path: Path) -> None:
    made = Made()
    normals = np.tile(np.array([[0, 0.6, 0.8]], np.float32), (4, 1))
    attributes = {"POSITION": made.put(CORNERS), "NORMAL": made.put(normals)}
    indices = made.put(FACES.astype(np.uint8).reshape(-1))
    made.json |= shown(attributes, indices=indices)
    made.json["nodes"][0] |= {"scale": [-1, 2, 1], "translation": [5, 0, 0]}
    (mesh,) = read(made.write(tmp_path / "x.glb"))
    np.testing.assert_allclose(mesh.vertices, CORNERS * [-1, 2, 1] + [5, 0, 0])
    assert trimesh.Trimesh(mesh.vertices, mesh.faces).volume == pytest.approx(2)
    expected = np.array([0, 0.3, 0.8]) / math.hypot(0.3, 0.8)
    np.testing.assert_allclose(mesh.normals, np.tile(expected, (4, 1)), atol=1e-6)


def test_a_jpeg_and_its_set_of_coordinates(tmp_path: Path) -> None:
    made, picture = Made(), io.BytesIO()
    Image.new("RGB", (8, 4), (200, 100, 50)).save(picture, "JPEG")
    uv = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)
    attributes = {"POSITION": made.put(CORNERS), "TEXCOORD_1": made.put(uv)}
    made.put(np.frombuffer(picture.getvalue(), np.uint8))
    made.json |= shown(attributes, material=0) | {
        "images": [{"bufferView": 2, "mimeType": "image/jpeg"}],
        "textures": [{"source": 0}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "texCoord": 1}}}],
    }
    (mesh,) = read(made.write(tmp_path / "x.glb"))
    assert mesh.materials[0].texture is not None
    assert mesh.materials[0].texture.shape == (4, 8, 3)
    np.testing.assert_array_equal(mesh.uv, uv)


def test_files_of_trimesh(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(2)
    ball.visual.vertex_colors = [64, 128, 255, 255]
    ball.export(tmp_path / "x.glb")
    (mesh,) = read(tmp_path / "x.glb")
    np.testing.assert_allclose(np.sort(mesh.vertices, 0), np.sort(ball.vertices, 0), atol=1e-6)
    assert mesh.colours is not None
    np.testing.assert_allclose(mesh.colours[0], display_from_linear(np.array([64, 128, 255]) / 255), atol=1e-3)


def test_meshes_and_points_become_worlds(tmp_path: Path) -> None:
    gltf.write_meshes(tmp_path / "x.glb", [Mesh("hut", CORNERS, FACES, materials=(Material((1.0, 0.0, 0.0)),))])
    world = formats.load(tmp_path / "x.glb")
    assert [thing.name for thing in world.things] == ["hut"]
    low, high = world.thing("hut").world_bounds
    np.testing.assert_allclose([low, high], [[0, 0, 0], [1, 2, 3]], atol=1e-5)
    gltf.write_meshes(
        tmp_path / "y.glb", [Mesh("cloud", np.random.default_rng(0).random((50, 3), np.float32), FACES[:0])]
    )
    assert len(formats.load(tmp_path / "y.glb")) == 50


def primitive(made: Made) -> dict[str, Any]:
    return made.json["meshes"][0]["primitives"][0]


BROKEN = {
    "vertex": (lambda made: primitive(made).update(indices=made.put(np.array([0, 1, 9], np.uint16))), "vertex 9 of 4"),
    "signed": (lambda made: made.json["accessors"][1].update(componentType=5122), "no whole numbers"),
    "picture": (lambda made: made.json["bufferViews"][2].update(byteOffset=0), "picture"),
    "no positions": (lambda made: primitive(made).update(attributes={}), "no positions"),
    "texture": (lambda made: made.json.update(textures=[]), "texture 0"),
    "material": (lambda made: made.json.update(materials=[]), "material 0"),
    "far": (lambda made: made.json["nodes"][0].update(translation=[1e9, 0, 0]), "beyond 1,000,000 m"),
    "infinite": (lambda made: made.json["nodes"][0].update(scale=[1e300] * 3, translation=[1e308] * 3), "beyond"),
    "often": (
        lambda made: made.json.update(nodes=[{"mesh": 0}] * 5_000, scenes=[{"nodes": list(range(5_000))}]),
        "64 times its size",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_meshes_that_lie_end_in_one_sentence(tmp_path: Path, name: str) -> None:
    change, sentence = BROKEN[name]
    made, picture = Made(), io.BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "PNG")
    position, indices = made.put(CORNERS), made.put(np.arange(3, dtype=np.uint16))
    made.put(np.frombuffer(picture.getvalue(), np.uint8))
    made.json |= shown({"POSITION": position}, indices=indices, material=0) | {
        "images": [{"bufferView": 2}],
        "textures": [{"source": 0}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
    }
    assert len(read(made.write(tmp_path / "x.glb"))) == 1
    change(made)
    with pytest.raises(FormatError, match=sentence):
        read(made.write(tmp_path / "x.glb"))


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    made, picture = Made(), io.BytesIO()
    side = math.isqrt(limits.GLTF_TEXTURE_PIXELS) + 1
    Image.new("1", (side, side)).save(picture, "PNG")
    made.put(CORNERS)
    made.put(np.frombuffer(picture.getvalue(), np.uint8))
    made.json |= shown({"POSITION": 0}, material=0) | {
        "images": [{"bufferView": 1}],
        "textures": [{"source": 0}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
    }
    with pytest.raises(FormatError, match="pixels; at most"):
        read(made.write(tmp_path / "x.glb"))
