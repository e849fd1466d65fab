"""Fewer splats: what must stay the same, what may be joined, what is taken away."""

from dataclasses import replace

import pytest
import torch

import splatworld
from splatworld import sh
from splatworld.camera import look_at
from splatworld.decimate import cleaned, decimated, lod_chain
from splatworld.errors import Cancelled, UsageError
from splatworld.geometry import Similarity
from splatworld.progress import Event, Note
from splatworld.splats import Splats
from splatworld.world import Layer, Thing, World


def leaf(n: int = 3000, *, seed: int = 0, degree: int = 0) -> Splats:
    """A flat, opaque sheet with a coloured pattern, 2 m wide at y = 0."""
    g = torch.Generator().manual_seed(seed)
    xz = torch.rand(n, 2, generator=g) * 2 - 1
    means = torch.stack([xz[:, 0], torch.zeros(n), xz[:, 1]], 1)
    bands = torch.zeros(n, (degree + 1) ** 2, 3)
    bands[:, 0] = sh.from_rgb(torch.stack([xz[:, 0].sin() / 2 + 0.5, xz[:, 1].abs(), torch.full((n,), 0.3)], 1))
    scales = torch.tensor([1.5, 0.05, 1.5]) * n**-0.5
    return Splats(
        means=means,
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(n, 1),
        log_scales=scales.log().repeat(n, 1),
        logit_opacities=torch.full((n,), 2.0),
        sh=bands,
    )


def psnr(a: Splats, b: Splats) -> float:
    camera = look_at((0.5, -3.0, 0.5), (0.0, 0.0, 0.0), fov_deg=50, width=160, height=120)
    one, two = (splatworld.render(s, camera).rgb.clamp(0, 1) for s in (a, b))
    return float(-10 * torch.log10(((one - two) ** 2).mean()))


def test_it_looks_the_same_and_better_than_leaving_out() -> None:
    splats = leaf()
    fewer = decimated(splats, 600)
    assert len(fewer) == 600
    assert psnr(splats, fewer) > 30
    assert psnr(splats, fewer) > psnr(splats, splats[::5]) + 8


def test_mass_middle_and_colour_are_kept() -> None:
    splats = leaf(500)
    one = decimated(splats, 1)
    torch.testing.assert_close(one.means[0], splats.means.mean(0), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(one.colours[0], splats.colours.mean(0), atol=1e-4, rtol=1e-4)
    spread = torch.cov(splats.means.T, correction=0) + splats.covariances.mean(0)
    grown = one.covariances[0] / torch.linalg.eigvalsh(one.covariances[0])[-1] * torch.linalg.eigvalsh(spread)[-1]
    torch.testing.assert_close(grown, spread, atol=2e-3, rtol=1e-2)
    assert one.opacities[0] <= 1


def test_splats_that_were_not_joined_stay_to_the_bit() -> None:
    splats = leaf(400, degree=2)
    fewer = decimated(splats, 390)
    kept = {tuple(row.tolist()) for row in splats.means}
    same = torch.tensor([tuple(row.tolist()) in kept for row in fewer.means])
    assert same.sum() == 380
    old = {tuple(row.tolist()): i for i, row in enumerate(splats.means)}
    for row in same.nonzero()[:, 0].tolist():
        source = old[tuple(fewer.means[row].tolist())]
        assert torch.equal(fewer.quats[row], splats.quats[source])
        assert torch.equal(fewer.sh[row], splats.sh[source])


def test_the_same_input_gives_the_same_splats() -> None:
    a, b = decimated(leaf(), 700), decimated(leaf(), 700)
    for name in ("means", "quats", "log_scales", "logit_opacities", "sh"):
        assert torch.equal(getattr(a, name), getattr(b, name))


def two_things() -> World:
    splats = leaf(2000)
    thing = torch.where(splats.means[:, 0] < 0.98, 1, 2).to(torch.int32)
    extras = {
        "thing": thing,
        "label": thing.to(torch.int16) - 1,
        "normal": torch.tensor([[0.0, -1.0, 0.0]]).half().repeat(2000, 1),
        "albedo": splats.colours.half(),
        "translucency": torch.full((2000,), 7, dtype=torch.uint8),
    }
    splats = splats.with_extras(**extras)
    things = (
        Thing(id=1, name="big", kind="wall"),
        Thing(id=2, name="small", kind="rim", world_from_thing=Similarity(2.0, (1.0, 0.0, 0.0, 0.0), (5.0, 0.0, 0.0))),
    )
    return World((Layer("a", "a", splats), Layer("b", "b", leaf(100, degree=1))), things, labels=("wall", "rim"))


def test_worlds_keep_layers_things_and_extras() -> None:
    world = two_things()
    fewer = decimated(world, 300)
    assert len(fewer) == 300
    assert fewer.things == world.things
    assert [layer.id for layer in fewer.layers] == ["a", "b"]
    assert [layer.splats.degree for layer in fewer.layers] == [0, 1]
    a = fewer.layers[0].splats
    assert set(a.extras) == set(world.layers[0].splats.extras)
    small = a.extras["thing"] == 2
    assert small.sum() >= 8
    assert (a.means[small, 0] >= 0.97).all()
    assert (a.means[~small, 0] <= 0.99).all()
    assert torch.equal(a.extras["label"].int(), a.extras["thing"] - 1)
    torch.testing.assert_close(a.extras["normal"].float().norm(dim=1), torch.ones(len(a)), atol=2e-3, rtol=0)
    assert (a.extras["translucency"] == 7).all()
    torch.testing.assert_close(a.extras["albedo"].float(), a.colours, atol=5e-3, rtol=0)


def test_fewer_splats_than_things() -> None:
    splats = leaf(50).with_extras(thing=torch.arange(1, 51, dtype=torch.int32))
    things = tuple(Thing(id=i, name=str(i), kind="x") for i in range(1, 51))
    assert len(decimated(World((Layer("a", "a", splats),), things), 7)) == 7


def test_levels_of_detail_halve() -> None:
    levels = lod_chain(leaf(1000), 4)
    assert [len(level) for level in levels] == [1000, 500, 250, 125]
    assert psnr(levels[0], levels[2]) > 25
    with pytest.raises(UsageError, match="at least one"):
        lod_chain(leaf(10), 0)


def test_counts_that_change_nothing_or_make_no_sense() -> None:
    splats = leaf(20)
    assert decimated(splats, 20) is splats
    assert len(decimated(splats[:0], 5)) == 0
    with pytest.raises(UsageError, match="at least 1"):
        decimated(splats, 0)


def test_odd_values_do_no_harm() -> None:
    splats = leaf(300)
    splats.means[0] = torch.nan
    splats.log_scales[1] = 20.0
    splats.log_scales[2] = -20.0
    splats.logit_opacities[3] = torch.inf
    splats.means[4] = 1e6
    splats.quats[5] = 0
    splats.means[100:] = 0.5
    fewer = decimated(splats, 40)
    assert len(fewer) == 40
    assert all(getattr(fewer, name).isfinite().all() for name in ("means", "quats", "log_scales", "sh"))


def test_it_can_be_stopped() -> None:
    def stop(event: Event) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        decimated(leaf(), 600, progress=stop)


def dirty(extra: Splats) -> World:
    return World((Layer("a", "a", splatworld.splats.cat([leaf(2000), extra])),))


def one(**values: torch.Tensor | float) -> Splats:
    base = leaf(2000)[:1]
    return replace(base, **{k: torch.as_tensor(v).reshape(getattr(base, k).shape) for k, v in values.items()})


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (one(logit_opacities=-6.0), "1 invisible"),
        (one(log_scales=[-20.0, -20.0, -3.0]), "1 invisible"),
        (one(means=[0.0, 3.0, 0.0]), "1 floaters"),
        (one(log_scales=[3.0, 3.0, 3.0]), "1 larger than the scene"),
    ],
)
def test_what_nobody_wants_is_removed(bad: Splats, reason: str) -> None:
    said: list[Event] = []
    clean = cleaned(dirty(bad), progress=said.append)
    assert len(clean) == 2000
    assert [event.text for event in said if isinstance(event, Note)] == [f"cleaned: removed {reason} of 2,001 splats"]


def test_what_belongs_to_a_thing_is_there_by_intent() -> None:
    far = one(means=[0.0, 500.0, 0.0], log_scales=[5.0, 5.0, 1.0])
    ids = torch.zeros(2001, dtype=torch.int32)
    ids[-1] = 1
    world = dirty(far)
    layer = replace(world.layers[0], splats=world.layers[0].splats.with_extras(thing=ids))
    assert len(cleaned(World((layer,), (Thing(id=1, name="sky", kind="sky"),)))) == 2001
    assert len(cleaned(World((layer,)))) == 2000


def test_a_generated_world_loses_nothing_to_cleaning() -> None:
    world = splatworld.generate("a cabin by a lake at sunset", seed=1, splats=8_000)
    assert len(cleaned(world)) == len(world)
    fewer = decimated(world, len(world) // 2)
    assert {t.id for t in fewer.things} == {t.id for t in world.things}
    for layer, before in zip(fewer.layers, world.layers, strict=True):
        assert set(layer.splats.extras["thing"].unique().tolist()) == set(
            before.splats.extras["thing"].unique().tolist()
        )
