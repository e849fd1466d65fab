"""What goes into a backend and what comes out: the types on both sides of the seam under `render`."""

import reprlib
from dataclasses import dataclass
from numbers import Integral

from jaxtyping import Float, Int32
from torch import Tensor

from splatworld import limits
from splatworld.errors import UsageError
from splatworld.render.checks import check_amounts, check_planes, described, finite
from splatworld.render.conventions import PROFILES, Conventions, Profile
from splatworld.sh import degree_of


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """How to draw. Hashable, so that backends can keep what they derive from it.

    Raises:
        UsageError: a value of a wrong type or out of its range, by name.
    """

    background: tuple[float, float, float] | Float[Tensor, "3"] | Float[Tensor, "c 3"] = (0.0, 0.0, 0.0)
    """Display RGB behind everything; a tensor may have one row per camera, and takes gradients.

    Its numbers must be finite; those of a tensor on a GPU are not looked at, because that would wait for it.
    """
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
        if not isinstance(self.profile, str):
            raise UsageError(f"profile is {described(self.profile)}; expected {', '.join(PROFILES)}")
        if self.profile not in PROFILES:
            raise UsageError(f"unknown profile '{self.profile}'; expected {', '.join(PROFILES)}")
        _check_background(self.background)
        planes = {"near": self.near_plane, "far": self.far}
        check_amounts({**planes, "radius_clip": self.radius_clip, "dilation": self.dilation})
        check_planes(planes)
        self._check_whole()
        for name in ("antialiased", "normals", "check", "smooth", "deterministic"):
            if not isinstance(getattr(self, name), bool):
                raise UsageError(f"{name} is {described(getattr(self, name))}; expected True or False")

    def _check_whole(self) -> None:
        threads, degree, most = self.threads, self.sh_degree, limits.SH_DEGREE_MAX
        if not (isinstance(threads, Integral) and threads >= 0):
            raise UsageError(f"threads is {described(threads)}; expected a whole number, not below 0")
        if degree is not None and not (isinstance(degree, Integral) and 0 <= degree <= most):
            raise UsageError(
                f"sh_degree is {described(degree)}; expected a whole number from 0 to {most}, or None for all"
            )

    @property
    def conventions(self) -> Conventions:
        """The profile's numbers."""
        return PROFILES[self.profile]

    @property
    def near_plane(self) -> float:
        """`near`, or the profile's."""
        return self.conventions.near if self.near is None else self.near

    def degree(self, coefficients: int) -> int:
        """The highest SH band to evaluate of so many coefficients a channel."""
        stored = degree_of(coefficients)
        return stored if self.sh_degree is None else min(stored, self.sh_degree)


def _check_background(background: object) -> None:
    if isinstance(background, Tensor):
        good = background.ndim in (1, 2) and background.shape[-1] == 3 and background.is_floating_point()
        if good and background.device.type == "cpu" and not background.isfinite().all():
            raise UsageError("background holds numbers that are not finite; expected finite ones")
        found = f"a tensor {list(background.shape)} of {background.dtype}"
    else:
        good = isinstance(background, tuple) and len(background) == 3 and all(map(finite, background))
        found = reprlib.repr(background)
    if not good:
        expected = "a tuple of three finite numbers, or a float tensor [3] or [c, 3]"
        raise UsageError(f"background is {found}; expected {expected}")


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

    def degree(self, settings: RenderSettings) -> int:
        """The highest SH band to evaluate; -1 where `plain`."""
        return -1 if self.plain else settings.degree(self.sh.shape[1])


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
