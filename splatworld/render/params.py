"""What goes into a backend and what comes out: the types on both sides of the seam under `render`."""

import math
from dataclasses import dataclass

from jaxtyping import Float, Int32
from torch import Tensor

from splatworld import limits
from splatworld.errors import UsageError
from splatworld.render.conventions import PROFILES, Conventions, Profile


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """How to draw. Hashable, so that backends can keep what they derive from it.

    Raises:
        UsageError: a value out of its range, by name.
    """

    background: tuple[float, float, float] | Float[Tensor, "3"] | Float[Tensor, "c 3"] = (0.0, 0.0, 0.0)
    """Display RGB behind everything; a tensor may have one row per camera, and takes gradients."""
    profile: Profile = "gsplat"
    """Whose numeric conventions: see `conventions.PROFILES`."""
    antialiased: bool = False
    """Dim splats by what the dilation adds to their area (the 2D filter of Mip-Splatting)."""
    sh_degree: int | None = None
    """Evaluate at most so many bands; None is all that are stored."""
    near: float | None = None
    """Metres of camera z; nearer centres are not drawn. None is what the profile says."""
    far: float = 1e10
    """Metres of camera z."""
    radius_clip: float = 0.0
    """Splats whose extents in x and y are both at most so many pixels are not drawn."""
    dilation: float = 0.3
    """px², added to the projected covariance: every splat covers a pixel or so."""
    normals: bool = False
    """Draw normals too."""
    threads: int = 0
    """At most so many at once; 0 is as many as torch uses. The picture does not depend on it."""
    check: bool = False
    """Raise at the first splat that is not finite, instead of skipping and counting it."""
    smooth: bool = False
    """Round the edges at which a picture's gradients jump, for finite differences; the reference only."""
    deterministic: bool = False
    """CUDA: gradients are summed in a fixed order, for equal bits in every run. Other backends always are."""

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise UsageError(f"unknown profile '{self.profile}'; expected {', '.join(PROFILES)}")
        _check_background(self.background)
        for name in ("near_plane", "far", "radius_clip", "dilation", "threads"):
            value = getattr(self, name)
            if not (value >= 0 and math.isfinite(value)):
                raise UsageError(f"{name.removesuffix('_plane')} is {value}; expected a finite number, not below 0")
        if self.far <= self.near_plane:
            raise UsageError(f"far is {self.far} m and near is {self.near_plane} m; far must be further")
        if self.sh_degree is not None and not 0 <= self.sh_degree <= limits.SH_DEGREE_MAX:
            raise UsageError(f"sh_degree is {self.sh_degree}; expected 0 to {limits.SH_DEGREE_MAX}, or None for all")

    @property
    def conventions(self) -> Conventions:
        """The profile's numbers."""
        return PROFILES[self.profile]

    @property
    def near_plane(self) -> float:
        """`near`, or the profile's."""
        return self.conventions.near if self.near is None else self.near


def _check_background(background: object) -> None:
    if isinstance(background, Tensor):
        good = background.ndim in (1, 2) and background.shape[-1] == 3 and background.is_floating_point()
        found = f"a tensor {list(background.shape)} of {background.dtype}"
    else:
        good = isinstance(background, tuple) and len(background) == 3 and all(map(math.isfinite, background))
        found = repr(background)
    if not good:
        raise UsageError(f"background is {found}; expected three finite numbers, or a float tensor [3] or [c, 3]")


@dataclass(frozen=True, eq=False, slots=True)
class Params:
    """What a backend draws: n splats as bare tensors, which may require gradients.

    Shapes and types have been checked: one float type and one device for all but `things`. Rows may hold anything.
    """

    means: Float[Tensor, "n 3"]
    """World metres."""
    quats: Float[Tensor, "n 4"]
    """wxyz of any length; zero means no rotation."""
    log_scales: Float[Tensor, "n 3"]
    """ln of metres; standard deviations in metres where `activated`."""
    logit_opacities: Float[Tensor, " n"]
    """Opacities, 0 to 1, where `activated`."""
    sh: Float[Tensor, "n k 3"]
    """k = (degree + 1)²; where `plain` k is 1 and the row is the colour itself, which may be negative."""
    features: Float[Tensor, "n d"] | None = None
    """Blended like colours."""
    things: Int32[Tensor, " n"] | None = None
    activated: bool = False
    plain: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Sums:
    """What a backend gives for c cameras: values weighted by what each splat adds to a pixel, and summed.

    Nothing is divided by alpha and nothing lies behind. Gradients flow to every float field of `Params` and to
    `Camera.camera_from_world`, from all fields but `median`, `things` and `skipped`.
    """

    rgb: Float[Tensor, "c h w 3"]
    alpha: Float[Tensor, "c h w 1"]
    depth_sum: Float[Tensor, "c h w 1"]
    """Of camera z in metres."""
    features: Float[Tensor, "c h w d"] | None
    """None where there were none in `Params`."""
    median: Float[Tensor, "c h w 1"]
    """Camera z of the splat at which transmittance first falls to a half; 0 where it never does."""
    things: Int32[Tensor, "c h w"]
    """Thing id of that splat; 0 where there is none."""
    skipped: Int32[Tensor, " c"]
    """Splats that were not drawn because they are not finite."""
