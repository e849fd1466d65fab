"""Adam: against torch's own, lazy against dense, kernels against plain torch."""

import math
from types import ModuleType

import pytest
import torch
from torch import Tensor

from splatworld.errors import UsageError
from splatworld.optimize import Adam, adam_reference, kernels

RATES = {"means": 1e-3, "logit_opacities": 5e-2, "sh": (2.5e-3, 1.25e-4)}


@pytest.fixture
def cpu() -> ModuleType:
    module = kernels.kernels_for("cpu")
    if module is None:
        pytest.skip("there are no compiled kernels")
    return module


@pytest.fixture(params=["torch", "cpu", "emulated"])
def compiled(request: pytest.FixtureRequest) -> ModuleType:
    if request.param == "torch":
        return adam_reference
    return request.getfixturevalue("cpu" if request.param == "cpu" else "built")


def steps_for(compiled: ModuleType, many: int) -> int:
    """So many where they are fast."""
    return many if compiled.__name__ == "splatworld._cpu" else 30


def start(count: int, terms: int = 4) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = {"means": (count, 3), "logit_opacities": (count,), "sh": (count, terms, 3)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


class Gradients:
    """The same ones in every run: of all sizes, for rows of which some are often seen and others hardly ever."""

    def __init__(self, count: int, least: float = 1e-8) -> None:
        self.generator = torch.Generator().manual_seed(2)
        self.often = self._random(count) ** 3
        self.least = least

    def __call__(self, params: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Which rows are visible, and gradients that are zero elsewhere."""
        visible = self._random(len(self.often)) < self.often
        size = self.least ** self._random(len(self.often)) * visible
        return visible, {n: self._like(t) * size.view(-1, *[1] * (t.ndim - 1)) for n, t in params.items()}

    def _random(self, count: int) -> Tensor:
        return torch.rand(count, generator=self.generator)

    def _like(self, tensor: Tensor) -> Tensor:
        return torch.randn(tensor.shape, generator=self.generator)


def assert_near(found: dict[str, Tensor], wanted: dict[str, Tensor], begun: dict[str, Tensor], most: float) -> None:
    """Relative to how far things moved, and what rounding at each step adds up to."""
    for name, tensor in wanted.items():
        moved = (tensor - begun[name]).abs().max()
        assert moved > 0, name
        assert (found[name] - tensor).abs().max() <= most * moved, name


def test_dense_is_torchs(compiled: ModuleType) -> None:
    params = start(40)
    begun = {name: tensor.clone() for name, tensor in params.items()}
    leaves = {name: tensor.clone() for name, tensor in params.items() if name != "sh"}
    leaves |= {"base": params["sh"][:, :1].clone(), "rest": params["sh"][:, 1:].clone()}
    groups = [
        {"params": [leaf], "lr": rate}
        for leaf, rate in zip(leaves.values(), (1e-3, 5e-2, 2.5e-3, 1.25e-4), strict=True)
    ]
    theirs, ours = torch.optim.Adam(groups, eps=1e-15), Adam(params, RATES, kernels=compiled)
    drawn = Gradients(40)
    for _ in range(steps_for(compiled, 200)):
        _, gradients = drawn(params)
        whole = gradients | {"base": gradients["sh"][:, :1], "rest": gradients["sh"][:, 1:]}
        for name, leaf in leaves.items():
            leaf.grad = whole[name].clone()
        theirs.step()
        ours.step(gradients=gradients)
    wanted = {name: leaves[name] for name in ("means", "logit_opacities")}
    wanted["sh"] = torch.cat([leaves["base"], leaves["rest"]], 1)
    # One step rounds by 6e-8 of the value, which is about 1 here.
    for name, tensor in wanted.items():
        assert (params[name] - tensor).abs().max() <= 1e-6 * tensor.abs().max(), name
    assert_near(params, wanted, begun, 1e-3)


@pytest.mark.parametrize("told", [False, True])
def test_lazy_is_dense(compiled: ModuleType, told: bool) -> None:
    count, steps = 50, steps_for(compiled, 1200)
    dense, lazy = start(count), start(count)
    one, other = Adam(dense, RATES, kernels=compiled), Adam(lazy, RATES, mode="lazy", kernels=compiled)
    drawn = Gradients(count)
    for step in range(steps):
        visible, gradients = drawn(dense)
        if step % 20 == 19:
            for adam in (one, other):
                adam.set_rate("means", 1e-3 * 0.999**step)
        one.step(gradients=gradients)
        other.step(visible if told else None, gradients)
    assert (lazy["logit_opacities"] - dense["logit_opacities"]).abs().max() > 1e-4
    other.flush()
    assert_near(lazy, dense, start(count), 1e-4)
    for name in ("first.means", "second.means", "first.sh", "second.sh"):
        assert (one.state[name] - other.state[name]).norm() <= 1e-5 * one.state[name].norm(), name
    other.flush()
    assert_near(lazy, dense, start(count), 1e-4)


def test_lazy_with_a_large_epsilon_stays_near(compiled: ModuleType) -> None:
    count, steps = 40, steps_for(compiled, 80)
    dense, lazy = start(count), start(count)
    settings = {"epsilon": 1e-6, "kernels": compiled}
    one, other = Adam(dense, RATES, **settings), Adam(lazy, RATES, mode="lazy", **settings)
    drawn = Gradients(count, least=1e-7)
    for _ in range(steps):
        visible, gradients = drawn(dense)
        one.step(gradients=gradients)
        other.step(visible, gradients)
    other.flush()
    assert_near(lazy, dense, start(count), 5e-2)


def test_selective_moves_only_what_is_visible(compiled: ModuleType) -> None:
    params = start(30)
    adam, drawn = Adam(params, RATES, mode="selective", kernels=compiled), Gradients(30)
    for _ in range(20):
        before = {name: tensor.clone() for name, tensor in params.items()}
        visible, gradients = drawn(params)
        adam.step(visible, gradients)
        for name, tensor in params.items():
            changed = (tensor != before[name]).flatten(1).any(1) if tensor.ndim > 1 else tensor != before[name]
            assert not changed[~visible].any()
            assert (changed == visible)[visible].float().mean() >= 0.9 or not visible.any()


@pytest.mark.parametrize("mode", ["dense", "lazy", "selective"])
def test_kernels_are_plain_torchs(compiled: ModuleType, mode: str) -> None:
    if compiled is adam_reference:
        pytest.skip("these are plain torch")
    plain, fast = start(50, terms=16), start(50, terms=16)
    one = Adam(plain, RATES, mode=mode, kernels=adam_reference)
    other = Adam(fast, RATES, mode=mode, kernels=compiled)
    drawn = Gradients(50)
    for _ in range(10):
        visible, gradients = drawn(plain)
        one.step(visible, gradients)
        other.step(visible, gradients)
    one.flush()
    other.flush()
    assert_near(fast, plain, start(50, terms=16), 1e-4)
    for name, tensor in one.state.items():
        assert (other.state[name] - tensor).abs().max() <= 1e-5 * tensor.abs().max(), name


@pytest.mark.parametrize("mode", ["dense", "lazy", "selective"])
def test_a_kept_state_goes_on(mode: str) -> None:
    params = start(30)
    adam, drawn = Adam(params, RATES, mode=mode), Gradients(30)
    for _ in range(10):
        adam.step(*drawn(params))
    again = {name: tensor.clone() for name, tensor in params.items()}
    other = Adam(again, RATES, mode=mode)
    other.load_state({name: tensor.clone() for name, tensor in adam.state.items()})
    for _ in range(10):
        visible, gradients = drawn(params)
        adam.step(visible, gradients)
        other.step(visible, gradients)
    for name, tensor in params.items():
        assert torch.equal(tensor, again[name])
    with pytest.raises(UsageError, match="belongs to other tensors"):
        other.load_state({name: tensor[:1] for name, tensor in adam.state.items()})


def test_bits_do_not_depend_on_threads(cpu: ModuleType) -> None:
    many, ends = 40_000, []
    for threads in (1, 2, 4):
        params = start(many)
        adam, drawn = Adam(params, RATES, mode="lazy", threads=threads, kernels=cpu), Gradients(many)
        for _ in range(3):
            adam.step(*drawn(params))
        ends.append(params)
    for other in ends[1:]:
        assert all(torch.equal(tensor, other[name]) for name, tensor in ends[0].items())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30])
def test_a_wild_gradient_counts_as_zero(compiled: ModuleType, value: float) -> None:
    wild, tame = start(5), start(5)
    one, other = Adam(wild, RATES, kernels=compiled), Adam(tame, RATES, kernels=compiled)
    for number in (value, 0.0):
        gradients = {name: torch.ones_like(tensor) for name, tensor in wild.items()}
        gradients["means"][2] = number
        (one if number else other).step(gradients=gradients)
    assert all(torch.equal(tensor, tame[name]) for name, tensor in wild.items())


def test_gradients_of_tensors_are_taken() -> None:
    params = {name: tensor.requires_grad_() for name, tensor in start(20).items()}
    target = torch.randn(20, 3, generator=torch.Generator().manual_seed(3))
    adam = Adam(params, RATES | {"means": 0.05})
    for _ in range(300):
        params["means"].grad = None
        (params["means"] - target).square().sum().backward()
        adam.step()
    assert (params["means"] - target).abs().max() < 0.01
    assert torch.equal(params["sh"], start(20)["sh"])


def test_no_rows() -> None:
    params = start(0)
    adam = Adam(params, RATES, mode="lazy")
    adam.step(gradients=params)
    adam.flush()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rates": {"means": 1.0}}, "must have the same names"),
        ({"mode": "sparse"}, "unknown mode 'sparse'"),
        ({"betas": (0.9995, 0.999)}, "betas are"),
        ({"epsilon": 0.0}, "epsilon 0"),
        ({"rates": RATES | {"means": (1.0, 1.0)}}, "'means' is .* not a pair"),
        (
            {"params": {"means": torch.zeros(3, 2).T, "logit_opacities": torch.zeros(2), "sh": torch.zeros(2, 1, 3)}},
            "'means' is",
        ),
        ({"params": start(3) | {"sh": torch.zeros(2, 1, 3)}}, "'sh' has other rows"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_named(change: dict, sentence: str) -> None:
    arguments = {"params": start(3), "rates": RATES} | change
    with pytest.raises(UsageError, match=sentence):
        Adam(**arguments)
