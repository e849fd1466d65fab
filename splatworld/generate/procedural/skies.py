"""The environment of a spec: sun, sky and air after hour, weather and place."""

from splatworld.scene_spec import SceneSpec
from splatworld.world import Environment

# Hour: sun azimuth (clockwise from the view direction, +Y) and elevation in degrees. High suns stand to the side and a
# little behind the visitor, so that what faces him is lit; low suns stand ahead, outside the picture, for their glow.
_SUN = {
    "dawn": (54.0, 4.0),
    "morning": (112.0, 28.0),
    "noon": (-140.0, 58.0),
    "afternoon": (-112.0, 38.0),
    "sunset": (-50.0, 3.2),
    "dusk": (-38.0, -0.6),
    "night": (-30.0, -24.0),
}
# Weather: cover, extinction of the air in 1/m, turbidity, exposure factor.
_WEATHER = {
    "clear": (0.26, 0.0011, 2.3, 1.0),
    "cloudy": (0.52, 0.0014, 3.0, 1.0),
    "overcast": (1.0, 0.0022, 4.0, 0.92),
    "rain": (1.0, 0.0058, 5.0, 0.80),
    "storm": (1.0, 0.0065, 6.0, 0.62),
    "fog": (0.96, 0.017, 5.0, 0.95),
    "snow": (0.97, 0.0085, 4.0, 0.95),
}


def environment_of(spec: SceneSpec) -> Environment:
    """Light and air for a spec. Rain and snow are shown by their light, sky and wetness, not by falling drops."""
    azimuth, elevation = _SUN[spec.time]
    clouds, haze, turbidity, exposure = _WEATHER[spec.weather]
    if spec.time in ("dawn", "sunset", "dusk") and spec.weather == "clear":
        clouds, haze, turbidity = 0.36, 0.0018, 3.2
    if spec.time == "night" and spec.weather == "clear":
        clouds = 0.06
    if spec.time == "dawn":
        haze *= 1.8
    return Environment(
        sun_azimuth_deg=azimuth + (spec.seed * 7919) % 21 - 10,
        sun_elevation_deg=elevation,
        turbidity=turbidity,
        clouds=clouds,
        haze=haze,
        exposure=exposure,
        indoors=spec.place == "interior",
    )
