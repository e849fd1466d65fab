"""Numbers in which rasterizers differ, by the name of the program that has them.

`cuda_ext/include/splatworld/config.h` holds those that all share. A file looks best with the
numbers of the program that trained it.
"""

from typing import Literal, NamedTuple

Profile = Literal["gsplat", "gsplat16", "inria"]


class Conventions(NamedTuple):
    """What a profile sets."""

    alpha_max: float
    """Contributions are clamped to this, so that gradients survive."""
    compensation_floor: float
    """Least factor by which `antialiased` dims a splat."""
    near: float
    """Metres of camera z; nearer centres are not drawn."""
    box_sigmas: float
    """Where not 0, a splat shows only in the 16-pixel tiles that a square of so many standard deviations touches."""


PROFILES: dict[Profile, Conventions] = {
    "gsplat": Conventions(0.999, 0.0, 0.01, 0.0),
    "gsplat16": Conventions(0.99, 0.005, 0.01, 0.0),
    "inria": Conventions(0.99, 0.005, 0.2, 3.0),
}
"""gsplat 1.5.3; gsplat 1.6; diff-gaussian-rasterization of Inria (Kerbl et al. 2023)."""
