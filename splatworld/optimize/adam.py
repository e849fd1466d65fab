"""Adam for splats: millions of rows of which a picture touches few."""

import math
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from splatworld.errors import UsageError
from splatworld.optimize import adam_reference
from splatworld.optimize.kernels import current, kernels_for, where

Mode = Literal["dense", "lazy", "selective"]
Rate = float | tuple[float, float]
_FASTEST = 0.99
"""beta1 / sqrt(beta2) must stay below, or drift would never die out."""


class Adam:
    """Adam (Kingma and Ba 2015) over tensors that share their rows, which it changes in place.

    - "dense": every row at every step, as `torch.optim.Adam`.
    - "lazy": a row only when it is visible, and then with all that it has missed. Given the same gradients the numbers
      are those of "dense" within rounding, while epsilon is small beside them; a row that is not visible lags behind
      until `flush`. It pays on GPUs.
    - "selective": a row only when it is visible; what it has missed is lost (gsplat's SelectiveAdam).

    Gradients that are not finite count as zero. Everything is kept in tensors on the device of the parameters
    (`state`), and no step waits for the device.
    """

    def __init__(
        self,
        params: Mapping[str, Tensor],
        rates: Mapping[str, Rate],
        *,
        mode: Mode = "dense",
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-15,
        steps_max: int = 65536,
        threads: int = 0,
        kernels: ModuleType | None = None,
    ) -> None:
        """Begin at step 0.

        Args:
            params: name to a contiguous float32 tensor [n, ...], all of the same n and device.
            rates: name to learning rate; for a tensor [n, k, 3] it may be a pair, for the first of the k and the rest.
            mode: see above.
            betas: decay of the running means of gradient and square.
            epsilon: keeps the denominator from zero.
            steps_max: "lazy" keeps a few numbers for each step; rows last seen after so many steps no longer drift.
            threads: on the CPU; 0 is as many as torch uses. The result does not depend on it.
            kernels: the compiled module; by default that of the parameters' device.

        Raises:
            UsageError: a tensor, name or number that does not fit, by name.
        """
        _check(params, rates, mode, betas, epsilon)
        self.params, self.mode, self.threads = dict(params), mode, threads
        self.choice = (*betas, epsilon)
        device = next(iter(params.values())).device
        self._kernels: Any = kernels or kernels_for(device.type) or adam_reference
        kinds = [r if isinstance(r, tuple) else (r, r) for r in (rates[name] for name in params)]
        self._rates = torch.tensor(kinds, dtype=torch.float32, device=device).flatten()
        self._heads = {name: _head(tensor, rates[name]) for name, tensor in params.items()}
        count = next(iter(params.values())).shape[0]
        self.state: dict[str, Tensor] = {
            "now": torch.zeros(1, dtype=torch.int32, device=device),
            "rates": self._rates,
            "pace": torch.zeros(1 + len(self._rates), device=device),
        }
        if mode == "lazy":
            self.state["last"] = torch.zeros(count, dtype=torch.int32, device=device)
            self.state["tables"] = torch.zeros(1 + len(self._rates), steps_max, device=device)
        for name, tensor in params.items():
            self.state[f"first.{name}"] = torch.zeros_like(tensor, requires_grad=False)
            self.state[f"second.{name}"] = torch.zeros_like(tensor, requires_grad=False)

    def set_rate(self, name: str, rate: Rate) -> None:
        """Change a learning rate from the next step on."""
        head, rest = rate if isinstance(rate, tuple) else (rate, rate)
        at = 2 * list(self.params).index(name)
        self._rates[at].fill_(head)
        self._rates[at + 1].fill_(rest)

    @torch.no_grad()
    def step(self, visible: Bool[Tensor, " n"] | None = None, gradients: Mapping[str, Tensor] | None = None) -> None:
        """One step with `gradients`, by default each tensor's `.grad`; a tensor that has none gets no gradient.

        Args:
            visible: rows that may have a gradient; by default those with one that is not zero. Not used by "dense".
            gradients: name to gradient.
        """
        found = {name: tensor.grad for name, tensor in self.params.items()} if gradients is None else gradients
        if self.mode == "dense":
            visible = None
        elif visible is None:
            visible = self.touched(found)
        self.tick()
        for name in self.params:
            gradient = found.get(name)
            if gradient is not None or self.mode == "lazy":
                self._move(name, gradient, visible)
        last = self.state.get("last")
        if last is not None and visible is not None:
            torch.where(visible, self.state["now"], last, out=last)

    @torch.no_grad()
    def flush(self) -> None:
        """Make up for all missed steps of all rows. Do it before the splats are saved, or their rows change."""
        if self.mode != "lazy":
            return
        for name in self.params:
            self._move(name, None, None)
        self.state["last"].copy_(self.state["now"].expand_as(self.state["last"]))

    def tick(self) -> None:
        """Begin a step that someone else finishes; `step` does it by itself."""
        state = self.state
        place = where(self._kernels, self._rates.device, self.threads)
        with current(self._rates.device):
            self._kernels.adam_tick(
                self.choice, state["now"], state["pace"], state["rates"], state.get("tables"), place
            )

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a `state` that was kept.

        Raises:
            UsageError: it belongs to other tensors or another mode.
        """
        if state.keys() != self.state.keys() or any(state[k].shape != v.shape for k, v in self.state.items()):
            raise UsageError("this state of the optimiser belongs to other tensors or another mode")
        for name, tensor in self.state.items():
            tensor.copy_(state[name])

    def touched(self, gradients: Mapping[str, Tensor | None]) -> Bool[Tensor, " n"]:
        """Rows with a gradient that is not zero."""
        touched = torch.zeros(len(self.state[f"first.{next(iter(self.params))}"]), dtype=torch.bool)
        touched = touched.to(self._rates.device)
        for gradient in gradients.values():
            if gradient is not None:
                touched |= gradient.bool().reshape(len(touched), math.prod(gradient.shape[1:])).any(1)
        return touched

    def _move(self, name: str, gradient: Tensor | None, visible: Tensor | None) -> None:
        tensor, state = self.params[name], self.state
        shape = (tensor.shape[0], math.prod(tensor.shape[1:]))
        rows = [t.view(shape) for t in (tensor.detach(), state[f"first.{name}"], state[f"second.{name}"])]
        with current(tensor.device):
            self._kernels.adam_step(
                self.choice,
                rows[0],
                rows[1],
                rows[2],
                None if gradient is None else gradient.detach().reshape(shape).contiguous(),
                self._heads[name],
                2 * list(self.params).index(name),
                state["now"],
                state["pace"],
                visible,
                state.get("last"),
                state.get("tables"),
                where(self._kernels, tensor.device, self.threads),
            )


def _head(tensor: Tensor, rate: Rate) -> int:
    """Numbers of a row that the first rate is for."""
    width = math.prod(tensor.shape[1:])
    return tensor.shape[-1] if isinstance(rate, tuple) and tensor.ndim == 3 else width


def _check(
    params: Mapping[str, Tensor], rates: Mapping[str, Rate], mode: str, betas: tuple[float, float], epsilon: float
) -> None:
    if not params or params.keys() != rates.keys():
        raise UsageError(f"parameters {list(params)} and learning rates {list(rates)} must have the same names")
    if mode not in ("dense", "lazy", "selective"):
        raise UsageError(f"unknown mode '{mode}'; expected dense, lazy or selective")
    beta1, beta2 = betas
    if not (0 <= beta1 < _FASTEST * math.sqrt(max(beta2, 0)) and beta2 < 1 and epsilon > 0):
        raise UsageError(f"betas are {betas} and epsilon {epsilon}; expected beta1 < 0.99 sqrt(beta2) < 1, epsilon > 0")
    any_tensor = next(iter(params.values()))
    for name, tensor in params.items():
        if tensor.dtype != torch.float32 or not tensor.is_contiguous() or tensor.ndim not in (1, 2, 3):
            raise UsageError(f"'{name}' is {tensor.dtype} {list(tensor.shape)}; expected contiguous float32 [n, ...]")
        if tensor.shape[0] != any_tensor.shape[0] or tensor.device != any_tensor.device:
            raise UsageError(f"'{name}' has other rows or another device than '{next(iter(params))}'")
        if isinstance(rates[name], tuple) and tensor.ndim != 3:
            raise UsageError(f"'{name}' is {list(tensor.shape)}, so it has one learning rate and not a pair")
