"""Points and meshes become splats that look like them from all sides; broken and hostile files say what is wrong."""

import numpy as np
import pytest
import torch
from PIL import Image

from splatworld import formats, limits
from splatworld.camera import look_at
from splatworld.errors import FormatError
from splatworld.formats import surfels
from splatworld.formats.mesh_world import structured
from splatworld.formats.meshes import Material, Mesh
from splatworld.formats.polygons import fans
from splatworld.progress import Note, Warning, silent
from splatworld.render import render

CORNERS = np.float32([(x, y, z) for z in (0, 1) for y in (-1, 1) for x in (-2, 2)])
QUADS = np.int32([(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (1, 3, 7, 5), (3, 2, 6, 7), (2, 0, 4, 6)])
FACES = np.concatenate([QUADS[:, [0, 1, 2]], QUADS[:, [0, 2, 3]]])
BOX = Mesh("box", CORNERS, FACES, materials=(Material((0.9, 0.2, 0.1)),))


def box_mask(camera):
    """Which pixels show the box: the slab test, by itself."""
    origins, directions = (x[0].double().numpy() for x in camera.rays())
    with np.errstate(divide="ignore"):
        a, b = ((bound - origins) / directions for bound in (CORNERS.min(0), CORNERS.max(0)))
    enters, leaves = np.minimum(a, b).max(-1), np.maximum(a, b).min(-1)
    return (enters < leaves) & (leaves > 0)


@pytest.mark.parametrize("eye", [(5.0, -6.0, 4.0), (-5.0, 3.0, -3.0), (0.5, 0.2, 8.0), (6.0, 0.1, 0.4)])
def test_a_box_has_the_outline_of_a_box_from_all_sides(eye):
    camera = look_at(eye, (0.0, 0.0, 0.5), fov_deg=32.0, width=320, height=240)
    picture = render(surfels.from_mesh(BOX, spacing=0.05), camera)
    shown, truth = picture.alpha[0, ..., 0].numpy() > 0.5, box_mask(camera)
    assert truth.sum() > 10_000
    assert (shown != truth).sum() < 0.04 * truth.sum()
    inside = truth & np.roll(truth, 3, 0) & np.roll(truth, -3, 0) & np.roll(truth, 3, 1) & np.roll(truth, -3, 1)
    assert (picture.alpha[0, ..., 0].numpy()[inside] > 0.9).mean() > 0.995  # closed
    assert picture.rgb[0].numpy()[inside].mean(0) == pytest.approx((0.9, 0.2, 0.1), abs=0.02)


def test_splats_lie_flat_on_the_surface():
    splats = surfels.from_mesh(BOX, spacing=0.08)
    away = np.abs(splats.means.numpy() - np.clip(splats.means.numpy(), CORNERS.min(0), CORNERS.max(0))).max()
    depth = np.minimum(splats.means.numpy() - CORNERS.min(0), CORNERS.max(0) - splats.means.numpy()).min(1)
    assert away < 0.01
    assert np.abs(depth).max() < 0.01
    assert (splats.scales.amin(1) < 0.2 * splats.scales.amax(1)).all()
    assert splats.extras["albedo"].float().numpy()[0] == pytest.approx([0.787, 0.033, 0.010], abs=2e-3)


def test_the_same_mesh_gives_the_same_splats():
    a, b = (surfels.from_mesh(BOX, spacing=0.1) for _ in range(2))
    assert torch.equal(a.means, b.means)
    assert torch.equal(a.log_scales, b.log_scales)


def test_a_count_is_kept_nearly():
    splats = surfels.from_mesh(BOX, spacing=surfels.spacing_of([BOX], 5_000))
    assert 4_000 < len(splats) <= 5_001


def test_a_sheet_with_two_sides_has_one_layer_of_splats():
    square = np.float32([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)])
    one, two = np.int32([(0, 1, 2), (0, 2, 3)]), np.int32([(0, 1, 2), (0, 2, 3), (2, 1, 0), (3, 2, 0)])
    assert len(surfels.from_mesh(Mesh("s", square, two), spacing=0.05)) == len(
        surfels.from_mesh(Mesh("s", square, one), spacing=0.05)
    )


def test_a_picture_lies_where_its_coordinates_say():
    square = np.float32([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)])
    uv = np.float32([(0, 1), (1, 1), (1, 0), (0, 0)])  # v runs downwards
    picture = np.zeros((64, 64, 4), np.uint8)
    picture[:32], picture[32:] = (255, 0, 0, 255), (0, 0, 255, 255)
    picture[:, 48:, 3] = 0  # the right quarter is cut out
    mesh = Mesh("s", square, np.int32([(0, 1, 2), (0, 2, 3)]), uv=uv, materials=(Material(texture=picture),))
    splats = surfels.from_mesh(mesh, spacing=0.02)
    x, y = splats.means.numpy()[:, 0], splats.means.numpy()[:, 1]
    assert splats.colours.numpy()[y > 0.55].mean(0) == pytest.approx((1, 0, 0), abs=0.02)
    assert splats.colours.numpy()[y < 0.45].mean(0) == pytest.approx((0, 0, 1), abs=0.02)
    assert not ((x > 0.78) & (x < 0.97)).any()  # at its rim the picture repeats
    assert (x > 0.70).any()


def test_points_close_the_surface_they_lie_on():
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(-1, 1, (8_000, 2)), np.zeros(8_000)]).astype(np.float32)
    splats = surfels.from_points(points, np.full((8_000, 3), 0.5, np.float32))
    picture = render(splats, look_at((0.0, -1.0, 2.0), (0.0, 0.0, 0.0), fov_deg=20.0, width=96, height=72))
    assert (picture.alpha > 0.5).float().mean() > 0.97
    up = splats.scales.argmin(1)
    assert (splats.scales.amin(1) < 0.3 * splats.scales.amax(1)).float().mean() > 0.95
    assert (up == splats.scales.argmin(1)).all()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_few_points_and_strange_ones(count):
    points = np.zeros((count, 3), np.float32)
    assert len(surfels.from_points(points)) == count
    points[0] = np.nan
    splats = surfels.from_points(points, normals=np.full((count, 3), np.inf, np.float32))
    assert len(splats) == count - 1
    assert splats.log_scales.isfinite().all()
    assert splats.quats.isfinite().all()


def test_faces_that_name_nothing_are_left_out():
    vertices = np.concatenate([CORNERS, np.float32([(np.nan, 0, 0), (1e30, 0, 0)])])
    broken = np.int32([(0, 1, 99), (-1, 1, 2), (0, 1, 8), (0, 1, 9), (3, 3, 3)])
    mesh = Mesh("box", vertices, np.concatenate([FACES, broken]))
    world = structured([mesh], name="f", count=500, progress=silent)
    assert world.splats().means.isfinite().all()
    assert len(world.surfaces["box"].faces) == len(FACES) + 1
    assert not len(surfels.from_mesh(Mesh("none", vertices, broken)))


def test_ten_thousand_sheets_in_one_place_are_no_burden():
    faces = np.tile(np.int32([(0, 1, 2)]), (10_000, 1)) + 3 * np.arange(10_000, dtype=np.int32)[:, None]
    rng = np.random.default_rng(0)
    vertices = np.tile(np.float32([(0, 0, 0), (1, 0, 0), (0, 1, 0)]), (10_000, 1))
    splats = surfels.from_mesh(
        Mesh("pile", vertices + rng.normal(scale=1e-5, size=vertices.shape).astype(np.float32), faces)
    )
    assert 0 < len(splats) < 500_000


def test_meshes_become_things_that_can_be_told_apart():
    meshes = [BOX, Mesh("Chair.001", CORNERS + 5, FACES), Mesh("Chair.001", CORNERS - 5, FACES)]
    world = structured(meshes, name="room", count=3_000, progress=silent)
    assert [t.name for t in world.things] == ["box", "Chair.001", "Chair.001 2"]
    assert [t.kind for t in world.things] == ["box", "chair", "chair"]
    assert world.labels == ("box", "chair")
    chair = world.thing("Chair.001")
    assert chair.position == pytest.approx((5, 5, 5))
    assert chair.world_bounds == ((3, 4, 5), (7, 6, 6))
    splats = world.splats()
    own = splats.means[splats.extras["thing"] == chair.id].numpy()
    assert own.min(0) == pytest.approx((3, 4, 5), abs=0.1)
    assert own.max(0) == pytest.approx((7, 6, 6), abs=0.1)


def test_polygons_are_fans():
    faces, polygon = fans(np.array([3, 2, 5, 0, 4]))
    assert faces.tolist() == [[0, 1, 2], [5, 6, 7], [5, 7, 8], [5, 8, 9], [10, 11, 12], [10, 12, 13]]
    assert polygon.tolist() == [0, 2, 2, 2, 4, 4]


# Files


def ply(kind, *, tail=b"", faces=QUADS, index="int", length="uchar", extra=""):
    """A PLY of the box with colours."""
    order = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}[kind]
    head = (
        f"ply\nformat {kind} 1.0\ncomment x\nelement vertex 8\nproperty float x\nproperty float y\nproperty float z\n"
        f"property uchar red\nproperty uchar green\nproperty uchar blue\n"
        f"element face {len(faces)}\n{extra}property list {length} {index} vertex_indices\nend_header\n"
    ).encode()
    if not order:
        rows = [f"{x} {y} {z} 255 128 0" for x, y, z in CORNERS] + [
            " ".join(map(str, [*([7] if extra else []), len(f), *f])) for f in faces
        ]
        return head + "\n".join(rows).encode() + b"\n" + tail
    vertices = np.zeros(8, [("p", order + "f4", 3), ("c", "u1", 3)])
    vertices["p"], vertices["c"] = CORNERS, (255, 128, 0)
    kinds = {"int": "i4", "ushort": "u2", "uchar": "u1", "double": "f8"}
    body = b"".join(
        (np.array(7, order + "f4").tobytes() if extra else b"")
        + np.array(len(f), order + kinds[length]).tobytes()
        + np.array(f, order + kinds[index]).tobytes()
        for f in faces
    )
    return head + vertices.tobytes() + body + tail


MIXED = [tuple(QUADS[0]), tuple(QUADS[1]), *map(tuple, QUADS[2:, [0, 1, 2]]), *map(tuple, QUADS[2:, [0, 2, 3]])]


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("faces", [QUADS, MIXED], ids=["quads", "mixed"])
@pytest.mark.parametrize("types", [("int", "uchar"), ("ushort", "int"), ("uchar", "ushort"), ("double", "uchar")])
def test_ply_meshes_of_every_layout(tmp_path, kind, faces, types, monkeypatch):
    monkeypatch.setattr(surfels, "COUNT", 500)
    path = tmp_path / "box.ply"
    extra = "property float quality\n" if types[0] == "int" else ""
    path.write_bytes(ply(kind, faces=faces, index=types[0], length=types[1], extra=extra))
    told = []
    world = formats.load(path, progress=told.append)
    assert any(isinstance(event, Note) and "axes" in event.text for event in told)
    surface = world.surfaces["box"]
    corners = world.things[0].world_from_thing.apply(surface.vertices)[surface.faces]
    volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert volume == pytest.approx(8.0, rel=1e-5)
    assert world.splats().extras["albedo"][0].float().numpy() == pytest.approx([1, 0.2159, 0], abs=2e-3)


def test_ply_points(tmp_path):
    path = tmp_path / "points.ply"
    head = "ply\nformat ascii 1.0\nelement vertex 2\n" + "".join(f"property double {axis}\n" for axis in "xyz")
    path.write_text(head + "end_header\n1 2 3\n4 5 6\n")
    world = formats.load(path)
    assert world.splats().means.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert not world.things
    turned = formats.load(path, frame="rub").splats().means.numpy()
    assert turned == pytest.approx(np.float32([[1, -3, 2], [4, -6, 5]]), abs=1e-5)


def test_meshes_convert_to_formats_of_splats(tmp_path, monkeypatch):
    monkeypatch.setattr(surfels, "COUNT", 500)
    (tmp_path / "box.ply").write_bytes(ply("ascii"))
    count = formats.convert(tmp_path / "box.ply", tmp_path / "box.spz")
    assert len(formats.load(tmp_path / "box.spz")) == count
    formats.convert(tmp_path / "box.ply", tmp_path / "out.ply")
    again = formats.load(tmp_path / "out.ply")
    assert [t.name for t in again.things] == ["box"]


def test_every_cut_of_a_ply_mesh_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(surfels, "COUNT", 50)
    whole = ply("binary_little_endian", faces=MIXED)
    path = tmp_path / "cut.ply"
    for end in range(whole.index(b"end_header") + 11, len(whole), 7):
        path.write_bytes(whole[:end])
        with pytest.raises(FormatError):
            formats.load(path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ((b"element vertex 8", b"element vertex 999999999"), "claims"),
        ((b"element face 6", b"element face 88888888"), "claims"),
        ((b"list uchar", b"list float"), "a list of"),
        ((b"ascii", b"binary_middle_endian"), "is not read"),
        ((b" 255 128 0", b" 255 128 x"), "no number"),
    ],
)
def test_hostile_ply_meshes(tmp_path, change, sentence):
    path = tmp_path / "bad.ply"
    path.write_bytes(ply("ascii" if change[0] != b"list uchar" else "binary_big_endian").replace(*change))
    with pytest.raises(FormatError, match=sentence):
        formats.load(path)


def test_obj_with_materials_and_a_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(surfels, "COUNT", 2_000)
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:8], picture[8:] = (0, 255, 0), (0, 0, 255)
    Image.fromarray(picture).save(tmp_path / "paint it.png")
    (tmp_path / "m.mtl").write_text(
        "newmtl wall\nKd 0 0 0\nmap_Kd -s 1 1 1 ..\\elsewhere/paint it.png\nnewmtl red\nKd 1 0 0\nd 0.5\n"
    )
    (tmp_path / "scene.obj").write_text(
        "mtllib m.mtl\no Wall\nv 0 0 0\nv 2 0 0\nv 2 2 0\nv 0 2 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nusemtl wall\n"
        "f 1/1 2/2 3/3 4/4\no Red Sheet\nusemtl red\nv 0 0 5\nv 1 0 5\nv 0 1 5\nvn 0 0 1\nf -3//1 -2//1 -1//-1\n"
    )
    world = formats.load(tmp_path / "scene.obj")
    assert [(t.name, t.kind) for t in world.things] == [("Wall", "wall"), ("Red Sheet", "red sheet")]
    splats = world.splats()
    wall = splats[splats.extras["thing"] == 1]
    assert wall.means[:, 1].abs().max() < 0.02  # y is up in the file, so the wall stands
    top = wall.means[:, 2].numpy() > 1.1
    assert wall.colours.numpy()[top].mean(0) == pytest.approx((0, 1, 0), abs=0.03)
    assert wall.colours.numpy()[wall.means[:, 2].numpy() < 0.9].mean(0) == pytest.approx((0, 0, 1), abs=0.03)
    sheet = splats[splats.extras["thing"] == 2]
    assert sheet.means[:, 1].numpy() == pytest.approx(-5, abs=1e-3)
    assert sheet.opacities.numpy() == pytest.approx(0.495, abs=1e-3)


def test_obj_reaches_no_file_outside_its_folder(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "secret.mtl").write_text("newmtl a\nKd 1 0 0\n")
    (folder / "link.mtl").symlink_to(tmp_path / "secret.mtl")
    (folder / "x.obj").write_text(
        "mtllib ../secret.mtl\nmtllib link.mtl\nusemtl a\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
    )
    told = []
    world = formats.load(folder / "x.obj", progress=told.append)
    assert sum(isinstance(event, Warning) for event in told) == 2
    red, green, _ = world.splats().extras["albedo"][0].tolist()
    assert red == green


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hello\n", "no vertices"),
        ("v 1 2\n", "too few numbers"),
        ("v 1 2 3\nv 1 2 x\n", "no number"),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1/1 2 3/1\n", "different ways"),
        ("v 0 0 0\nf 1 " + "1 " * 2_000 + "\n", "too many"),
    ],
)
def test_broken_obj(tmp_path, text, sentence):
    path = tmp_path / "bad.obj"
    path.write_text(text)
    with pytest.raises(FormatError, match=sentence):
        formats.load(path)


def test_obj_faces_beyond_the_vertices_are_left_out(tmp_path):
    path = tmp_path / "x.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\nf 1 2 9\nf 1 2 -9\nf 0 1 2\n")
    assert len(formats.load(path).surfaces["x"].faces) == 1


def test_pictures_are_no_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MESH_TEXTURE_PIXELS", 1_000)
    Image.new("RGB", (64, 64)).save(tmp_path / "big.png")
    (tmp_path / "m.mtl").write_text("newmtl a\nmap_Kd big.png\n")
    (tmp_path / "x.obj").write_text("mtllib m.mtl\nusemtl a\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(FormatError, match="pixels"):
        formats.load(tmp_path / "x.obj")
