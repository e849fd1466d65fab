"""The first stage of the CPU kernels by itself: what is seen, in which order, and as which footprints."""

import pytest
import torch
from native_cases import cases

from splatworld.render import native, reference

pytestmark = pytest.mark.skipif(native.unavailable() is not None, reason=str(native.unavailable()))

ISAS = native.isas() if native.unavailable() is None else []
CASES = cases()
WHITEN = 0.8493218
"""sqrt(log2(e) / 2): exponents of the kernels are powers of two."""


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", CASES)
def test_footprints_are_the_references(isa: str, name: str) -> None:
    case = CASES[name]
    camera = case.cameras[:1]
    rows, footprints, values = native.project(case.params, camera, case.settings, isa=isa)
    want, _ = reference.project(case.params, camera, case.settings)
    # Splats that rounding puts on either side of what is seen, or of one another in depth, are few.
    both = torch.isin(want.splats, rows)
    assert both.sum() >= 0.99 * max(len(rows), len(want.splats)) > 0
    depths = values[:, 3]
    assert (depths.diff() >= 0).all()
    assert (want.splats[both] != rows[torch.isin(rows, want.splats)]).float().mean() < 0.01
    want, order = want[both.nonzero()[:, 0]], torch.isin(rows, want.splats).nonzero()[:, 0]
    ours, theirs = order[rows[order].argsort()], want.splats.argsort()
    got = footprints[ours]
    assert_near(got[:, :2], want.centres[theirs], 1e-5, 1e-3)
    assert_near(got[:, 2:5], want.whitening[theirs] * WHITEN, 1e-4, 1e-5)
    assert_near(got[:, 5].exp2(), want.opacities[theirs], 1e-4, 1e-6)
    assert_near(values[ours], want.values[theirs, :4], 1e-4, 1e-5)


def assert_near(got: torch.Tensor, want: torch.Tensor, relative: float, absolute: float) -> None:
    torch.testing.assert_close(got, want.to(got), rtol=relative, atol=absolute)
