"""OpenUSD's splats: what usd-core itself sees in our files, what we see in its, and files that lie."""

import contextlib
import importlib
import importlib.util
import math
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from format_cases import Heard, angles_deg, axis_splats, random_splats
from hypothesis import given, settings
from hypothesis import strategies as st

from splatworld import formats, limits, sh
from splatworld.errors import FormatError, UsageError
from splatworld.formats.frames import to_file
from splatworld.geometry import Similarity
from splatworld.splats import Splats
from splatworld.world import Layer, Thing, World

pytest.importorskip("pxr", reason="needs usd-core, which comes with splatworld[usd]")
Gf, Sdf, Tf, Usd, UsdGeom, UsdVol, Vt = (
    importlib.import_module(f"pxr.{name}") for name in ("Gf", "Sdf", "Tf", "Usd", "UsdGeom", "UsdVol", "Vt")
)
NAME = "radiance:sphericalHarmonics"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("usd")


@given(
    n=st.integers(0, 30),
    degree=st.integers(0, 4),
    seed=st.integers(0, 1_000),
    suffix=st.sampled_from(["usd", "usda", "usdc", "usdz"]),
)
@settings(max_examples=6, deadline=None)
def test_every_value_is_kept(folder: Path, n: int, degree: int, seed: int, suffix: str) -> None:
    before = random_splats(n, degree=degree, seed=seed)
    formats.save(before, folder / f"x.{suffix}", force=True)
    after = formats.load(folder / f"x.{suffix}").splats()
    assert len(after) == n
    torch.testing.assert_close(after.means, before.means, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(after.log_scales, before.log_scales, atol=1e-6, rtol=0)
    torch.testing.assert_close(after.logit_opacities, before.logit_opacities, atol=1e-4, rtol=0)
    if n:
        torch.testing.assert_close(after.sh, before.sh, atol=1e-6, rtol=1e-6)
    assert (angles_deg(before, after) < 0.01).all()


def test_usd_core_sees_what_the_schema_says(tmp_path: Path) -> None:
    formats.save(random_splats(20, degree=2), tmp_path / "r.usdc")
    formats.save(axis_splats(), tmp_path / "x.usdc")
    stage = Usd.Stage.Open(str(tmp_path / "x.usdc"))
    assert UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.z
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1
    field = UsdVol.ParticleField3DGaussianSplat(stage.GetDefaultPrim().GetChild("splats"))
    np.testing.assert_array_equal(field.GetPositionsAttr().Get(), np.diag([1, 2, 3]))
    np.testing.assert_allclose(field.GetScalesAttr().Get(), [[0.1, 0.2, 0.4]] * 3, rtol=1e-6)
    assert field.GetOrientationsAttr().Get()[0] == Gf.Quatf(1, 0, 0, 0)
    np.testing.assert_allclose(field.GetOpacitiesAttr().Get(), [0.8808, 0.7311, 0.5], atol=1e-4)
    base = np.array(field.GetRadianceSphericalHarmonicsCoefficientsAttr().Get())
    np.testing.assert_allclose(base * sh.C0 + 0.5, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(field.GetExtentAttr().Get(), [[-1.2, -1.2, -1.2], [2.2, 3.2, 4.2]], atol=1e-6)
    other = Usd.Stage.Open(str(tmp_path / "r.usdc"))
    more = other.GetPrimAtPath("/World/splats")
    assert more.GetAttribute(f"{NAME}Degree").Get() == 2
    assert len(more.GetAttribute(f"{NAME}Coefficients").Get()) == 20 * 9


@pytest.mark.parametrize("suffix", ["usda", "usdc", "usdz"])
def test_usd_cores_own_checks_pass(tmp_path: Path, suffix: str) -> None:
    splats = axis_splats().with_extras(thing=torch.tensor([1, 2, 3], dtype=torch.int32))
    formats.save(World((Layer("base", "base", splats),)), tmp_path / f"x.{suffix}")
    validation = importlib.import_module("pxr.UsdValidation")
    registry = validation.ValidationRegistry()
    stage = Usd.Stage.Open(str(tmp_path / f"x.{suffix}"))
    errors = validation.ValidationContext(registry.GetOrLoadAllValidators()).Validate(stage)
    assert [error.GetMessage() for error in errors] == []
    if suffix == "usdz":
        assert zipfile.ZipFile(tmp_path / "x.usdz").namelist() == ["splats.usdc"]


def test_things_and_labels_come_back(tmp_path: Path) -> None:
    rows = axis_splats().with_extras(
        thing=torch.tensor([1, 7, 7], dtype=torch.int32), label=torch.tensor([0, 1, -1], dtype=torch.int16)
    )
    things = (Thing(id=1, name="hut", kind="cabin"), Thing(id=7, name="pine", kind="pine"))
    formats.save(World((Layer("base", "base", rows),), things, labels=("cabin", "pine")), tmp_path / "x.usdc")
    found = formats.load(tmp_path / "x.usdc")
    assert found.things == things
    assert found.labels == ("cabin", "pine")
    assert found.splats().extras["thing"].tolist() == [1, 7, 7]
    assert found.splats().extras["label"].tolist() == [0, 1, -1]
    stage = Usd.Stage.Open(str(tmp_path / "x.usdc"))
    assert list(stage.GetPrimAtPath("/World/splats").GetAttribute("primvars:thing").Get()) == [1, 7, 7]


def test_axes_and_unit_cannot_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be chosen"):
        formats.save(axis_splats(), tmp_path / "x.usdc", frame="rub")


def staged(splats: Splats, up: str = "Z", unit: float | None = 1.0, *, half: bool = False) -> tuple[Any, Any]:
    """A stage of usd-core's making with these values as they are, and its prim."""
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, up)
    if unit is not None:
        UsdGeom.SetStageMetersPerUnit(stage, unit)
    UsdGeom.Xform.Define(stage, "/a")
    prim = UsdVol.ParticleField3DGaussianSplat.Define(stage, "/a/b").GetPrim()
    kinds = (Vt.Vec3hArray, Vt.HalfArray, Vt.QuathArray) if half else (Vt.Vec3fArray, Vt.FloatArray, Vt.QuatfArray)
    vectors, numbers, quats = kinds
    dtype, suffix = (np.float16, "h") if half else (np.float32, "")

    def put(name: str, kind: Any, values: torch.Tensor) -> None:
        prim.GetAttribute(name + suffix).Set(kind.FromNumpy(np.ascontiguousarray(values.numpy().astype(dtype))))

    put("positions", vectors, splats.means)
    put("scales", vectors, splats.scales)
    put("orientations", quats, torch.nn.functional.normalize(splats.quats, dim=1)[:, [1, 2, 3, 0]])
    put("opacities", numbers, splats.opacities)
    put(f"{NAME}Coefficients", vectors, splats.sh.reshape(-1, 3))
    prim.GetAttribute(f"{NAME}Degree").Set(splats.degree)
    return stage, prim


def exported(stage: Any, path: Path) -> Path:
    stage.GetRootLayer().Export(str(path))
    return path


def test_up_axis_and_unit_of_the_stage_are_honoured(tmp_path: Path) -> None:
    splats = random_splats(10, degree=3)
    inches = to_file(splats, "rub").transformed(Similarity(scale=1 / 0.0254))
    stage, _ = staged(inches, "Y", 0.0254)
    found = formats.load(exported(stage, tmp_path / "x.usdc")).splats()
    torch.testing.assert_close(found.means, splats.means, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.log_scales, splats.log_scales, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.sh, splats.sh, atol=1e-5, rtol=0)


def test_a_stage_without_a_unit_has_centimetres_and_that_is_told(tmp_path: Path) -> None:
    heard = Heard()
    stage, _ = staged(axis_splats(), unit=None)
    found = formats.load(exported(stage, tmp_path / "x.usdc"), progress=heard).splats()
    torch.testing.assert_close(found.means, torch.diag(torch.tensor([0.01, 0.02, 0.03])))
    assert "a centimetre" in heard.texts()


def test_prims_above_place_the_splats(tmp_path: Path) -> None:
    splats = random_splats(10, degree=2)
    stage, prim = staged(splats)
    above = UsdGeom.Xform.Get(stage, "/a")
    above.AddTranslateOp().Set((1, 2, 3))
    above.AddRotateZOp().Set(90)
    UsdGeom.Xformable(prim).AddScaleOp().Set((2, 2, 2))
    found = formats.load(exported(stage, tmp_path / "x.usdc")).splats()
    expected = splats.transformed(Similarity.at((1, 2, 3), yaw=math.pi / 2, scale=2))
    torch.testing.assert_close(found.means, expected.means, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.log_scales, expected.log_scales, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.sh, expected.sh, atol=1e-5, rtol=0)
    assert (angles_deg(found, expected) < 0.05).all()


def test_all_visible_prims_are_read(tmp_path: Path) -> None:
    stage, _ = staged(random_splats(5, degree=1))
    for name in ("c", "d"):
        Sdf.CopySpec(stage.GetRootLayer(), "/a/b", stage.GetRootLayer(), f"/a/{name}")
    UsdGeom.Imageable(stage.GetPrimAtPath("/a/d")).MakeInvisible()
    assert len(formats.load(exported(stage, tmp_path / "x.usda"))) == 10


def test_half_precision_is_read(tmp_path: Path) -> None:
    splats = replace(random_splats(10, degree=1), means=random_splats(10).means / 50)
    stage, _ = staged(splats, half=True)
    found = formats.load(exported(stage, tmp_path / "x.usdc")).splats()
    torch.testing.assert_close(found.means, splats.means, atol=2e-3, rtol=0)
    torch.testing.assert_close(found.sh, splats.sh, atol=2e-3, rtol=0)


def test_what_is_missing_or_too_short_has_the_defaults_of_the_schema(tmp_path: Path) -> None:
    heard = Heard()
    stage, prim = staged(random_splats(4, degree=1))
    for name in ("scales", "orientations", "opacities"):
        prim.GetAttribute(name).Clear()
    prim.GetAttribute(f"{NAME}Coefficients").Set(Vt.Vec3fArray(3))
    found = formats.load(exported(stage, tmp_path / "x.usdc"), progress=heard).splats()
    assert found.degree == 0
    torch.testing.assert_close(found.colours, torch.full((4, 3), 0.5))
    torch.testing.assert_close(found.scales, torch.ones(4, 3))
    torch.testing.assert_close(found.quats, torch.tensor([[1.0, 0, 0, 0]]).repeat(4, 1))
    assert (found.opacities > 0.9999).all()
    assert "shorter than the positions" in heard.texts()


def test_what_is_too_long_is_cut(tmp_path: Path) -> None:
    stage, prim = staged(random_splats(4))
    prim.GetAttribute("positions").Set(Vt.Vec3fArray([(1, 2, 3)]))
    found = formats.load(exported(stage, tmp_path / "x.usdc")).splats()
    torch.testing.assert_close(found.means, torch.tensor([[1.0, 2.0, 3.0]]))
    torch.testing.assert_close(found.scales, random_splats(4).scales[:1])


def test_the_earliest_time_is_read(tmp_path: Path) -> None:
    stage, prim = staged(axis_splats())
    prim.GetAttribute("positions").Clear()
    for time in (7.0, 3.0):
        prim.GetAttribute("positions").Set(Vt.Vec3fArray([(time, 0, 0)] * 3), time)
    found = formats.load(exported(stage, tmp_path / "x.usdc")).splats()
    assert found.means[:, 0].tolist() == [3, 3, 3]


def test_files_with_a_strange_name_are_known_and_told_to_take_another(tmp_path: Path) -> None:
    for suffix in ("usda", "usdc", "usdz"):
        formats.save(axis_splats(), tmp_path / f"x.{suffix}")
        (tmp_path / f"{suffix}.bin").write_bytes((tmp_path / f"x.{suffix}").read_bytes())
        with pytest.raises(FormatError, match=r"name that ends in \.usd"):
            formats.load(tmp_path / f"{suffix}.bin")


def test_suffixes_may_be_in_capitals(tmp_path: Path) -> None:
    formats.save(axis_splats(), tmp_path / "X.USDC")
    assert len(formats.load(tmp_path / "X.USDC")) == 3


Change = Callable[[Any, Any], Any]
BROKEN: dict[str, tuple[Change, str]] = {
    "mirrored": (lambda s, p: UsdGeom.Xformable(p).AddScaleOp().Set((1, -1, 1)), "mirrors"),
    "stretched": (lambda s, p: UsdGeom.Xformable(p).AddScaleOp().Set((1, 2, 1)), "unequally"),
    "flattened": (lambda s, p: UsdGeom.Xformable(p).AddScaleOp().Set((0, 0, 0)), "scales by nothing"),
    "degree": (lambda s, p: p.GetAttribute(f"{NAME}Degree").Set(9), "degree 9"),
    "unit": (lambda s, p: UsdGeom.SetStageMetersPerUnit(s, 0.0), "units of 0 m"),
    "no splats": (lambda s, p: s.RemovePrim("/a/b"), "holds no ParticleField3DGaussianSplat"),
    "sublayer": (lambda s, p: s.GetRootLayer().subLayerPaths.append("/etc/passwd"), "subLayers"),
    "reference": (lambda s, p: p.GetReferences().AddReference("/etc/passwd"), "references"),
    "own reference": (lambda s, p: p.GetReferences().AddInternalReference("/c"), "references"),
    "payload": (lambda s, p: p.GetPayloads().AddPayload("https://example.org/x.usd"), "payload"),
    "inherit": (lambda s, p: p.GetInherits().AddInherit("/c"), "inheritPaths"),
    "variant": (lambda s, p: p.GetVariantSets().AddVariantSet("v"), "variantSet"),
    "structure": (lambda s, p: setattr(s.GetRootLayer(), "customLayerData", {"splatworld": "[]"}), "description"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.filterwarnings("ignore")
def test_files_that_lie_end_in_one_sentence(tmp_path: Path, name: str) -> None:
    change, sentence = BROKEN[name]
    stage, prim = staged(axis_splats())
    with contextlib.suppress(Tf.ErrorException):  # it complains of what it cannot compose, and writes it nevertheless
        change(stage, prim)
    with pytest.raises(FormatError, match=sentence) as caught:
        formats.load(exported(stage, tmp_path / "x.usda"))
    assert "x.usda" in str(caught.value)


TEXTS = {
    "no text": b"\xff\xfe\x00",
    "something else": b"hello",
    "broken": b"#usda 1.0\n((",
    "deep prims": b"#usda 1.0\n" + b'def "a" {\n' * 100_000,
    "deep tuples": b'#usda 1.0\ndef "a" {\nint b = ' + b"(" * 100_000 + b")" * 100_000 + b"\n}",
    "deep dictionaries": b"#usda 1.0\n(\ncustomLayerData = {\n" + b"dictionary a = {\n" * 100_000,
    "many prims": b"#usda 1.0\n" + b"".join(b'def "a%d" {}\n' % i for i in range(limits.USD_PRIMS + 1)),
    "cut crate": b"PXR-USDC" + bytes(80),
}


@pytest.mark.parametrize(
    ("name", "suffix"), [*((name, "usda") for name in TEXTS), ("deep prims", "usd"), ("deep prims", "usdz")]
)
def test_hostile_text_ends_in_one_sentence(tmp_path: Path, name: str, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(TEXTS[name])
    if suffix == "usdz":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.usda", TEXTS[name])
    with pytest.raises(FormatError, match=r"x\.usd"):
        formats.load(path)


def test_archives_of_something_else_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.usdz", "w") as archive:
        archive.writestr("../../x.txt", "hello")
    with pytest.raises(FormatError, match="does not begin with a USD"):
        formats.load(tmp_path / "x.usdz")


def test_without_usd_core_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    usd = importlib.import_module("splatworld.formats.usd")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'splatworld\[usd\]'"):
        importlib.reload(usd)
