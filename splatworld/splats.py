"""`Splats`: N Gaussians, the one tensor type."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from splatworld import sh as _sh
from splatworld.geometry import Similarity, quats_rotated, rotation_matrices

EMPTY: Mapping[str, Tensor] = MappingProxyType({})

ROTATED_EXTRAS = ("normal",)
"""Extras that are directions and turn with the splats."""


@dataclass(frozen=True, eq=False, slots=True)
class Splats:
    """N Gaussians, stored the way optimisers and files store them.

    `extras` are row-aligned tensors that survive every filter: "thing" (int32 thing id), "label" (int16 index into the
    world's labels), "normal" (unit vector), "albedo" (linear RGB, 0 to 1), ...
    """

    means: Float[Tensor, "n 3"]
    """Metres, in the frame of whoever holds the splats."""
    quats: Float[Tensor, "n 4"]
    """wxyz, any non-zero length."""
    log_scales: Float[Tensor, "n 3"]
    """ln of one standard deviation in metres, along the Gaussian's own axes."""
    logit_opacities: Float[Tensor, " n"]
    sh: Float[Tensor, "n k 3"]
    """k = (degree + 1)**2; `sh[:, 0]` is the base colour (display values)."""
    extras: Mapping[str, Tensor] = field(default_factory=lambda: EMPTY)

    def __len__(self) -> int:
        return self.means.shape[0]

    @property
    def scales(self) -> Float[Tensor, "n 3"]:
        """Standard deviations in metres."""
        return self.log_scales.exp()

    @property
    def opacities(self) -> Float[Tensor, " n"]:
        """0 to 1."""
        return self.logit_opacities.sigmoid()

    @property
    def covariances(self) -> Float[Tensor, "n 3 3"]:
        """Square metres."""
        half = rotation_matrices(self.quats) * self.scales[:, None, :]
        return half @ half.transpose(1, 2)

    @property
    def degree(self) -> int:
        """SH degree, 0 to 4."""
        return _sh.degree_of(self.sh.shape[1])

    @property
    def colours(self) -> Float[Tensor, "n 3"]:
        """Base colour, display values, not clamped."""
        return _sh.to_rgb(self.sh[:, 0])

    def __getitem__(self, rows: Tensor | slice) -> Self:
        """The chosen rows (index, boolean mask or slice), extras with them."""
        core = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "extras"}
        return type(self)(**core, extras={k: v[rows] for k, v in self.extras.items()})

    def to(self, device: torch.device | str) -> Self:
        """The same splats on `device`."""
        core = {f.name: getattr(self, f.name).to(device) for f in fields(self) if f.name != "extras"}
        return type(self)(**core, extras={k: v.to(device) for k, v in self.extras.items()})

    def with_degree(self, degree: int) -> Self:
        """Cut or zero-pad the SH to `degree`."""
        k = (degree + 1) ** 2
        have = self.sh.shape[1]
        if have == k:
            return self
        if have > k:
            return replace(self, sh=self.sh[:, :k].contiguous())
        pad = self.sh.new_zeros(len(self), k - have, 3)
        return replace(self, sh=torch.cat([self.sh, pad], 1))

    def with_extras(self, **extras: Tensor) -> Self:
        """Add or replace extras; each must have one row per splat."""
        for name, values in extras.items():
            if values.shape[0] != len(self):
                raise ValueError(f"extra '{name}' has {values.shape[0]} rows; expected {len(self)}, one per splat")
        return replace(self, extras={**self.extras, **extras})

    def transformed(self, to_from_here: Similarity) -> Self:
        """The same splats seen from another frame: positions, shapes, SH and directional extras turn along."""
        if to_from_here.is_identity:
            return self
        turn = Similarity(rotation=to_from_here.rotation)
        linear = torch.as_tensor(turn.linear, dtype=torch.float64)
        scale = float(torch.log(torch.tensor(to_from_here.scale, dtype=torch.float64)))
        extras = {k: turn.apply(v.float()).to(v.dtype) if k in ROTATED_EXTRAS else v for k, v in self.extras.items()}
        return replace(
            self,
            means=to_from_here.apply(self.means),
            quats=quats_rotated(to_from_here.rotation, self.quats),
            log_scales=self.log_scales + scale,
            sh=_sh.rotated(self.sh, linear),
            extras=extras,
        )


def cat(parts: Iterable[Splats]) -> Splats:
    """One after the other; SH padded to the highest degree, extras kept where every part has them."""
    parts = list(parts)
    if not parts:
        return empty()
    if len(parts) == 1:
        return parts[0]
    degree = max(p.degree for p in parts)
    parts = [p.with_degree(degree) for p in parts]
    shared = set.intersection(*(set(p.extras) for p in parts))
    core = {f.name: torch.cat([getattr(p, f.name) for p in parts]) for f in fields(Splats) if f.name != "extras"}
    return Splats(**core, extras={k: torch.cat([p.extras[k] for p in parts]) for k in sorted(shared)})


def empty(degree: int = 0) -> Splats:
    """No splats at all: opens, renders and saves like any others."""
    zero = torch.zeros
    return Splats(zero(0, 3), zero(0, 4), zero(0, 3), zero(0), zero(0, (degree + 1) ** 2, 3))
