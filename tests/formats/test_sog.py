"""SOG: what is written is read again, files of other programs are read right, hostile ones end in a sentence."""

import io
import json
import shutil
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from format_cases import Heard, angles_deg, axis_splats, random_splats, shared
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from splatworld import formats, limits
from splatworld.errors import Cancelled, FormatError, OutputError
from splatworld.formats import sog_pictures
from splatworld.formats.frames import to_file
from splatworld.formats.sog_codebook import codebook
from splatworld.formats.sog_palette import palette
from splatworld.progress import Event, Step, silent
from splatworld.splats import Splats, empty


def paired(before: Splats, after: Splats) -> tuple[Splats, Splats]:
    """Rows that belong together: writing sorts them. The splats must lie farther apart than a step."""
    _, nearest = cKDTree(after.means.numpy()).query(before.means.numpy())
    assert len(set(nearest.tolist())) == len(before) == len(after)
    return before, after[torch.from_numpy(nearest)]


def round_trip(before: Splats, folder: Path) -> tuple[Splats, Splats]:
    formats.save(before, folder / "x.sog", force=True)
    return paired(before, formats.load(folder / "x.sog").splats())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sog")


@given(n=st.integers(1, 40), degree=st.integers(0, 3), seed=st.integers(0, 1_000))
@settings(max_examples=12, deadline=None)
def test_few_splats_lose_the_rounding_only(folder: Path, n: int, degree: int, seed: int) -> None:
    before, after = round_trip(random_splats(n, degree=degree, seed=seed), folder)
    assert after.degree == degree
    # Half a step of 1 / 65,535 of the logarithmic range, which is at most 2 ln 101.
    step = 2 * np.log(101) / 65_535
    assert ((after.means - before.means).abs() <= 0.51 * step * (1 + before.means.abs()) + 1e-5).all()
    assert ((after.opacities - before.opacities).abs() <= 0.501 / 255).all()
    assert (angles_deg(before, after) < 0.8).all()
    if 3 * n <= 256:
        torch.testing.assert_close(after.log_scales, before.log_scales, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(after.sh[:, 0], before.sh[:, 0], atol=1e-5, rtol=1e-5)
    if degree:
        assert (to_file(after, "rdf").sh - to_file(before, "rdf").sh)[:, 1:].abs().max() < 0.03


def test_many_splats_are_no_worse_than_the_best_of_other_programs(tmp_path: Path) -> None:
    before = random_splats(4_000)
    before, after = round_trip(replace(before, means=before.means / 33), tmp_path)
    assert float((after.means - before.means).norm(dim=1).median()) < 0.00064
    assert float((after.log_scales - before.log_scales).square().mean().sqrt()) < 10 / 256 / 12**0.5 * 1.05
    assert float(angles_deg(before, after).median()) < 0.34
    error = after.opacities - before.opacities
    assert float(error.square().mean().sqrt()) < 0.00125
    assert abs(float(error.mean())) < 0.0001
    assert float((after.colours - before.colours).square().mean().sqrt()) < 1 / 256 / 12**0.5 * 1.1


def test_the_sh_of_a_thousand_splats_are_only_rounded(tmp_path: Path) -> None:
    before, after = round_trip(random_splats(1_000, degree=3), tmp_path)
    assert float((after.sh[:, 1:] - before.sh[:, 1:]).square().mean().sqrt()) < 0.003


def test_the_palette_goes_to_those_who_need_it() -> None:
    """Most rows hardly differ and a few do: by count alone, those few would share next to no entries."""
    g = torch.Generator().manual_seed(0)
    rows = torch.randn(20_000, 24, generator=g) * 0.01
    rows[:1_000] *= 50
    entries, labels = palette(rows, 4_096, torch.Generator().manual_seed(1), silent)
    assert len(entries) == 4_096
    assert int(labels.max()) < 4_096
    assert float((rows - entries[labels]).square().mean().sqrt()) < 0.012
    assert len(labels[:1_000].unique()) > 900


def test_what_occurs_often_takes_one_entry() -> None:
    """In a made world all but the water has SH of 0."""
    rows = torch.zeros(100_000, 24)
    rows[:3_000] = torch.randn(3_000, 24, generator=torch.Generator().manual_seed(0))
    entries, labels = palette(rows, 65_536, torch.Generator().manual_seed(1), silent)
    assert len(entries) == 3_001
    assert torch.equal(entries[labels], rows)


@given(n=st.integers(1, 300), size=st.integers(1, 300), kinds=st.integers(1, 300), seed=st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_a_palette_is_never_larger_than_asked(n: int, size: int, kinds: int, seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    rows = torch.randn(kinds, 9, generator=g)[torch.randint(kinds, (n,), generator=g)]
    entries, labels = palette(rows, size, g, silent)
    assert len(entries) <= max(size, 1)
    assert 0 <= int(labels.min()) <= int(labels.max()) < len(entries)
    assert bool(entries.isfinite().all())


@given(n=st.integers(0, 2_000), kinds=st.integers(1, 2_000), seed=st.integers(0, 100), power=st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_codebooks_are_near_the_best(n: int, kinds: int, seed: int, power: int) -> None:
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=kinds)[rng.integers(kinds, size=n)] ** (2 * power + 1)).astype(np.float32)
    entries, index = codebook(values)
    assert entries.shape == (256,)
    assert (np.diff(entries) >= 0).all()
    error = np.abs(entries[index] - values)
    assert (error <= np.abs(entries[:, None] - values).min(0) + 1e-6 * np.abs(values)).all()
    if len(np.unique(values)) <= 256:
        assert not error.any()
    elif power == 0:
        even = np.interp(np.linspace(0, 1, 256), np.linspace(0, 1, n), np.sort(values))
        assert np.square(error).sum() < np.square(np.abs(even[:, None] - values).min(0)).sum()


@pytest.mark.parametrize("power", [1, 3])
def test_a_codebook_is_within_a_few_percent_of_the_best_there_is(power: int) -> None:
    values = np.sort(np.random.default_rng(0).normal(size=600) ** power).astype(np.float32)
    entries, index = codebook(values)
    assert np.square(entries[index] - values).sum() ** 0.5 < 1.08 * _least_error(values, 256)


def _least_error(values: NDArray[np.float32], size: int) -> float:
    """Of all codebooks, by dynamic programming over the ends of their runs."""
    n = np.arange(len(values) + 1)
    sums, squares = (np.r_[0, np.cumsum(values.astype(np.float64) ** power)] for power in (1, 2))
    counts = n[None, :] - n[:, None]
    within = squares[None] - squares[:, None] - (sums[None] - sums[:, None]) ** 2 / np.maximum(counts, 1)
    within[counts < 0] = np.inf
    least = within[0]
    for _ in range(size - 1):
        least = (least[:, None] + within).min(0)
    return float(least[-1]) ** 0.5


def test_a_world_without_splats_is_a_world(tmp_path: Path) -> None:
    formats.save(empty(2), tmp_path / "x.sog")
    assert len(formats.load(tmp_path / "x.sog")) == 0


def test_three_splats_keep_axes_shapes_and_colours(tmp_path: Path) -> None:
    before, after = round_trip(axis_splats(), tmp_path)
    torch.testing.assert_close(after.means, before.means, atol=1e-3, rtol=0)
    torch.testing.assert_close(after.colours, before.colours, atol=1e-5, rtol=0)
    torch.testing.assert_close(after.covariances, before.covariances, atol=2e-3, rtol=0.02)


def test_what_is_transparent_keeps_its_colour(tmp_path: Path) -> None:
    before = replace(axis_splats(), logit_opacities=torch.tensor([20.0, 0.0, -20.0]))
    before, after = round_trip(before, tmp_path)
    torch.testing.assert_close(after.colours, before.colours, atol=1e-5, rtol=0)
    assert (after.opacities - before.opacities).abs().max() < 0.003


def test_positions_near_and_far_share_a_file(tmp_path: Path) -> None:
    means = torch.tensor([[0.01, 0.02, 0.0], [-1_000.0, 500.0, 3.0], [9e5, -9e5, 0.0]])
    before, after = round_trip(replace(axis_splats(), means=means), tmp_path)
    assert ((after.means - before.means).abs() <= 3e-4 * (1 + before.means.abs())).all()


def test_a_fourth_band_is_left_out_and_told(tmp_path: Path) -> None:
    heard = Heard()
    formats.save(random_splats(5, degree=4), tmp_path / "x.sog", progress=heard)
    assert "fourth band" in heard.texts()
    assert formats.load(tmp_path / "x.sog").splats().degree == 3


@pytest.mark.parametrize("name", ["means", "quats", "log_scales", "logit_opacities", "sh"])
def test_what_is_no_number_is_refused(tmp_path: Path, name: str) -> None:
    bad = getattr(axis_splats(), name).clone()
    bad.view(-1)[0] = torch.nan
    with pytest.raises(OutputError, match=name):
        formats.save(replace(axis_splats(), **{name: bad}), tmp_path / "x.sog")
    assert list(tmp_path.iterdir()) == []


def test_the_same_splats_make_the_same_bytes(tmp_path: Path) -> None:
    splats = random_splats(3_000, degree=2)
    for name in ("a.sog", "b.sog"):
        formats.save(splats, tmp_path / name)
    assert (tmp_path / "a.sog").read_bytes() == (tmp_path / "b.sog").read_bytes()


def test_writing_can_be_cancelled(tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, Step):
            raise Cancelled

    with pytest.raises(Cancelled):
        formats.save(random_splats(3_000, degree=1), tmp_path / "x.sog", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_pictures_keep_every_byte() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 20, 4), np.uint8)
    noise[:3, :, 3] = 0
    back = sog_pictures.decoded(sog_pictures.encoded(noise), "x", pixels_min=1, pixels_max=240)
    np.testing.assert_array_equal(back, noise)


# Other programs


def test_the_file_of_a_peer_is_the_ply_it_was_made_from() -> None:
    original = formats.load(shared("peers/s10k.ply")).splats()
    found = formats.load(shared("peers/st.sog")).splats()
    distance, nearest = cKDTree(original.means.numpy()).query(found.means.numpy())
    assert np.median(distance) < 0.0008
    a = original[torch.from_numpy(nearest)]
    assert float(angles_deg(a, found).median()) < 0.7
    assert float((a.log_scales - found.log_scales).square().mean().sqrt()) < 0.02
    assert float((a.colours - found.colours).square().mean().sqrt()) < 0.01
    assert float((a.sh[:, 1:] - found.sh[:, 1:]).square().mean().sqrt()) < 0.016


def test_we_write_less_with_smaller_errors_than_the_peer(tmp_path: Path) -> None:
    original = formats.load(shared("peers/s10k.ply")).splats()
    formats.save(original, tmp_path / "x.sog")
    assert (tmp_path / "x.sog").stat().st_size < shared("peers/st.sog").stat().st_size

    def errors(path: Path) -> list[float]:
        found = formats.load(path).splats()
        a = original[torch.from_numpy(cKDTree(original.means.numpy()).query(found.means.numpy())[1])]
        return [
            float((a.means - found.means).square().mean()),
            float((a.log_scales - found.log_scales).square().mean()),
            float(angles_deg(a, found).square().mean()),
            float((a.opacities - found.opacities).square().mean()),
            float((a.colours - found.colours).square().mean()),
            float((a.sh[:, 1:] - found.sh[:, 1:]).square().mean()),
        ]

    assert all(
        ours < theirs for ours, theirs in zip(errors(tmp_path / "x.sog"), errors(shared("peers/st.sog")), strict=True)
    )


@pytest.mark.parametrize("name", ["playcanvas-logo", "playcanvas-logo/meta.json"])
def test_version_1_is_read_as_a_folder_and_by_its_meta(name: str) -> None:
    splats = formats.load(shared(name)).splats()
    assert len(splats) == 307_128
    low, high = splats.means.amin(0), splats.means.amax(0)
    # exp(0.93) - 1 = 1.53 and so on, in our axes.
    torch.testing.assert_close(low, torch.tensor([-1.5348, -0.5768, -0.2956]), atol=1e-3, rtol=0)
    torch.testing.assert_close(high, torch.tensor([1.5348, 0.5768, 2.7817]), atol=1e-3, rtol=0)
    assert float(splats.scales.median()) < 0.1
    assert 0.2 < float(splats.opacities.mean()) < 0.95


def changed(path: Path, edit: Callable[[dict[str, bytes], dict[str, Any]], None], *, compress: bool = False) -> Path:
    """A copy of an archive with its members and its meta.json edited."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    meta = json.loads(members.pop("meta.json"))
    edit(members, meta)
    target = path.with_name("changed.sog")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as archive:
        for name, data in {**members, "meta.json": json.dumps(meta).encode()}.items():
            archive.writestr(name, data)
    return target


@pytest.fixture
def sog(tmp_path: Path) -> Path:
    formats.save(random_splats(20, degree=1), tmp_path / "x.sog")
    return tmp_path / "x.sog"


def assert_same(a: Path, b: Path) -> None:
    for name in ("means", "quats", "log_scales", "logit_opacities", "sh"):
        torch.testing.assert_close(getattr(formats.load(a).splats(), name), getattr(formats.load(b).splats(), name))


def test_deflated_archives_and_folders_are_read(sog: Path) -> None:
    assert_same(sog, changed(sog, lambda members, meta: None, compress=True))
    folder = sog.with_name("folder")
    shutil.unpack_archive(sog, folder, "zip")
    assert_same(sog, folder / "meta.json")
    assert_same(sog, folder)
    assert formats.load(folder).layers[0].name == "folder"


def test_an_archive_without_its_suffix_is_known(sog: Path) -> None:
    shutil.copy(sog, sog.with_name("noname.bin"))
    assert_same(sog, sog.with_name("noname.bin"))


def test_older_spellings_are_read(sog: Path) -> None:
    def older(members: dict[str, bytes], meta: dict[str, Any]) -> None:
        del meta["shN"]["bands"], meta["shN"]["count"]
        meta["antialias"] = True
        book = meta["scales"]["codebook"]
        assert book[0] < book[1]
        book[0] = None

    heard = Heard()
    splats = formats.load(changed(sog, older), progress=heard).splats()
    assert "antialiased" in heard.texts()
    assert splats.degree == 1
    assert bool(splats.log_scales.isfinite().all())


# Hostile files


def picture(width: int, height: int, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", (width, height), (1, 2, 3, 255)).save(file, "WEBP", **{"lossless": True, **options})
    return file.getvalue()


def claims(width: int, height: int) -> bytes:
    """A picture whose header lies."""
    data = bytearray(picture(4, 4))
    data[21:25] = ((width - 1) | (height - 1) << 14).to_bytes(4, "little")
    return bytes(data)


def moving() -> bytes:
    file = io.BytesIO()
    frames = [Image.new("RGBA", (8, 4), (i, 0, 0, 255)) for i in range(3)]
    frames[0].save(file, "WEBP", lossless=True, save_all=True, append_images=frames[1:])
    return file.getvalue()


def plane(data: bytes) -> Callable[[dict[str, bytes], dict[str, Any]], None]:
    return lambda members, meta: members.update({"scales.webp": data})


def says(value: Any, *keys: str | int) -> Callable[[dict[str, bytes], dict[str, Any]], None]:
    def edit(members: dict[str, bytes], meta: Any) -> None:
        for key in keys[:-1]:
            meta = meta[key]
        meta[keys[-1]] = value

    return edit


def label(value: int) -> Callable[[dict[str, bytes], dict[str, Any]], None]:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[0, 3] = value & 255, value >> 8, 0
    return lambda members, meta: members.update({"shN_labels.webp": sog_pictures.encoded(pixels)})


HOSTILE = {
    "a picture too small": (plane(picture(4, 4)), "16 pixels|4 x 4"),
    "a picture too large": (plane(picture(300, 300)), "300 x 300"),
    "a picture that claims 16,384 x 16,384": (plane(claims(16_384, 16_384)), "16384 x 16384"),
    "a moving picture": (plane(moving()), "moving"),
    "a picture with loss": (plane(picture(8, 4, lossless=False)), "with loss"),
    "a PNG": (plane(b"\x89PNG\r\n\x1a\n" + bytes(40)), "no WebP"),
    "an empty picture": (plane(b""), "no WebP"),
    "half a picture": (plane(picture(8, 4)[:-8]), "damaged"),
    "more bytes than the pixels can have": (plane(picture(8, 4) + bytes(1 << 20)), "make sense"),
    "no picture": (lambda members, meta: members.pop("scales.webp"), "no file named"),
    "a path": (says(["../scales.webp"], "scales", "files"), "no file named"),
    "too many splats": (says(10**12, "count"), "claims 1,000,000,000,000"),
    "splats for which there are no bytes": (says(70_000_000, "count"), "claims 70,000,000"),
    "fewer than none": (says(-1, "count"), "claims -1"),
    "a fraction of a splat": (says(1.5, "count"), "not that of a SOG"),
    "version 3": (says(3, "version"), "version 3"),
    "bounds upside down": (says([9, 9, 9], "means", "mins"), "no interval"),
    "endless bounds": (says([-1e999] * 3, "means", "mins"), "not that of a SOG"),
    "two bounds": (says([0, 0], "means", "mins"), "not that of a SOG"),
    "a short codebook": (says([0.0] * 255, "sh0", "codebook"), "255 values"),
    "a codebook with a hole": (says(None, "sh0", "codebook", 7), "no finite"),
    "a codebook beyond float32": (says(1e300, "sh0", "codebook", 7), "no finite"),
    "no codebook": (says(None, "scales", "codebook"), "neither"),
    "four bands": (says(4, "shN", "bands"), "4 bands"),
    "bands that do not fit": (says(2, "shN", "bands"), "wide"),
    "an empty palette": (says(0, "shN", "count"), "asks for entry"),
    "a label out of the palette": (label(60_000), "asks for entry 60,000"),
    "many files": (lambda members, meta: members.update({f"{i}": b"" for i in range(80)}), "holds 88 files|holds 8"),
    "very many files": (lambda members, meta: members.update({f"{i}": b"" for i in range(9_000)}), "too long"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives(sog: Path, name: str) -> None:
    edit, sentence = HOSTILE[name]
    path = changed(sog, edit)
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(FormatError, match=sentence) as caught:
            formats.load(path)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()
    assert "changed.sog" in str(caught.value)
    assert time.process_time() - started < 1


def test_a_rotation_of_no_kind_is_left_unturned_and_told(sog: Path) -> None:
    def edit(members: dict[str, bytes], meta: dict[str, Any]) -> None:
        members["quats.webp"] = sog_pictures.encoded(np.zeros((4, 8, 4), np.uint8))

    heard = Heard()
    splats = formats.load(changed(sog, edit), progress=heard).splats()
    assert "20 splats have no rotation" in heard.texts()
    assert bool((splats.quats.norm(dim=1) > 0.5).all())


def test_positions_beyond_all_bounds_are_dropped_and_told(sog: Path) -> None:
    heard = Heard()
    splats = formats.load(changed(sog, says([1e4] * 3, "means", "maxs")), progress=heard).splats()
    assert len(splats) < 20
    assert "dropped" in heard.texts()


def test_a_bomb_in_deflate_is_not_unpacked(sog: Path) -> None:
    path = changed(sog, plane(bytes(64 << 20)), compress=True)
    raw = bytearray(path.read_bytes())
    with pytest.raises(FormatError, match="make sense"):
        formats.load(path)
    # The same, with a directory that states a small size.
    at = raw.rfind(b"PK\x01\x02", 0, raw.rfind(b"scales.webp"))
    raw[at + 24 : at + 28] = (1_000).to_bytes(4, "little")
    path.write_bytes(raw)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            formats.load(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_damaged_archives_never_crash(sog: Path) -> None:
    whole = sog.read_bytes()
    rng = np.random.default_rng(2)
    outcomes = []
    for _ in range(200):
        broken = bytearray(whole)
        broken[rng.integers(len(whole) - 700 if rng.random() < 0.5 else 0, len(whole))] ^= 1 << rng.integers(8)
        sog.write_bytes(broken if rng.random() < 0.7 else broken[: rng.integers(1, len(whole))])
        try:
            formats.load(sog)
            outcomes.append(True)
        except FormatError:
            outcomes.append(False)
    assert outcomes.count(False) > 100


@pytest.mark.parametrize(
    "name", ["/etc/hostname", "../x.sog", "..", "sub/x.webp", "a\\b.webp", "link.webp", "no.webp", ""]
)
def test_folders_are_not_left(sog: Path, name: str) -> None:
    folder = sog.with_name("folder")
    shutil.unpack_archive(sog, folder, "zip")
    (folder / "link.webp").symlink_to(sog)
    meta = json.loads((folder / "meta.json").read_text())
    meta["scales"]["files"] = [name]
    (folder / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(FormatError):
        formats.load(folder / "meta.json")


def test_a_long_meta_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    path.write_bytes(b'{"means": ' + b" " * limits.SOG_META_BYTES)
    with pytest.raises(FormatError, match="too large"):
        formats.load(path)
    path.write_bytes(b'{"means": ' + b"[" * 100_000)
    with pytest.raises(FormatError, match="not that of a SOG"):
        formats.load(path)
