"""Files that other programs wrote."""

from pathlib import Path

import numpy as np
import pytest
import torch
from format_cases import DATA, Heard, angles_deg, shared, shared_files
from scipy.spatial import cKDTree

from splatworld import formats


@pytest.mark.parametrize(
    "name", ["minimal-raw.spz", "minimal-v2.spz", "minimal-v3.spz", "minimal-v4.spz", "minimal.splat"]
)
def test_one_file_per_version(name: str) -> None:
    splats = formats.load(DATA / name, frame="rdf").splats()
    assert len(splats) == 4
    corners = {tuple(row) for row in splats.means.round(decimals=3).abs().int().tolist()}
    assert corners <= {(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (1, 0, 1), (0, 0, 1)}
    assert len(splats.means.round(decimals=3).unique(dim=0)) == 4


@pytest.mark.parametrize(
    "path",
    [*shared_files("*.splat"), *shared_files("*.ply"), *shared_files("peers/*.ply"), *shared_files("peers/*.spz")],
    ids=lambda p: p.name,
)
def test_every_sample_is_read(path: Path) -> None:
    world = formats.load(shared(str(path.relative_to(path.parents[1]) if path.parent.name == "peers" else path.name)))
    assert len(world) >= 10_000
    assert bool(world.splats().means.isfinite().all())


@pytest.mark.parametrize(
    ("name", "position", "angle", "colour", "bands"),
    [
        ("peers/gsply.spz", 3e-4, 0.5, 0.008, 0.07),
        ("peers/st3.spz", 3e-4, 0.5, 0.008, 0.07),
        ("peers/gsply.compressed.ply", 0.01, 0.5, 0.01, 0.01),
    ],
)
def test_files_of_peers_are_the_ply_they_were_made_from(
    name: str, position: float, angle: float, colour: float, bands: float
) -> None:
    original = formats.load(shared("peers/s10k.ply")).splats()
    found = formats.load(shared(name), frame="rdf").splats()  # these programs copy the axes of the PLY
    assert len(found) == len(original)
    distance, nearest = cKDTree(original.means.numpy()).query(found.means.numpy())
    assert len(set(nearest.tolist())) > 0.99 * len(found)
    assert np.median(distance) < position
    a, b = original[torch.from_numpy(nearest)], found
    alike = torch.from_numpy(distance) < 4 * position
    a, b = a[alike], b[alike]
    assert float(angles_deg(a, b).quantile(0.98)) < angle
    assert float((a.colours - b.colours).abs().quantile(0.98)) < colour
    # SPZ holds coefficients between -1 and 1.
    wanted = a.sh[:, 1:].clamp(-1, 1) if name.endswith(".spz") else a.sh[:, 1:]
    assert float((wanted - b.sh[:, 1:]).square().mean().sqrt()) < bands


def test_splat_of_a_peer_is_the_ply_it_was_made_from() -> None:
    original = formats.load(shared("peers/s10k.ply")).splats()
    found = formats.load(shared("peers/gf.splat")).splats()
    order = [torch.argsort(s.means[:, 0], stable=True) for s in (original, found)]
    a, b = original[order[0]], found[order[1]]
    torch.testing.assert_close(a.means, b.means, atol=1e-5, rtol=0)
    assert float(angles_deg(a, b).median()) < 0.6
    assert float((a.scales / b.scales).log().abs().max()) < 1e-4


def test_an_spz_without_axes_says_what_was_assumed() -> None:
    heard = Heard()
    formats.load(DATA / "minimal-v3.spz", progress=heard)
    assert "rub" in heard.texts()
    heard.clear()
    formats.load(DATA / "minimal-v3.spz", frame="rdf", progress=heard)
    assert heard.texts() == ""
