"""A judge of finished worlds: does a world hold what its sentence asked for?

It looks at things, their boxes, meshes and splats, the environment and the start view. It shares no code with the
generator, so that a mistake there is not repeated here. Every rule is a plain geometric one that a visitor would agree
with; distances are metres.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from splatworld.mesh import RayScene
from splatworld.palette import display_from_linear

TREES = {"pine", "broadleaf", "birch"}
WATERS = {"lake": {"lake", "pond"}, "river": {"river", "stream"}, "sea": {"sea"}}
SIZES = {"large": {"large", "huge"}, "small": {"small", "tiny"}, "tall": {"tall", "large", "huge"}}
INDOORS = "interior room"


@dataclass(frozen=True)
class Verdict:
    """One expectation and whether it was met."""

    asked: str
    met: bool
    found: str = ""


@dataclass(frozen=True, eq=False)
class Seen:
    """A world with what the rules need to know of it."""

    world: object

    @cached_property
    def splats(self):
        return self.world.splats()

    @cached_property
    def eye(self):
        return np.asarray(self.world.start.eye, float)

    def of(self, kind):
        """Things of a class, by its own name or as a wider word."""
        if kind == "tree":
            return [t for t in self.world.things if t.kind in TREES or "tree" in t.tags]
        if kind == "cabin":
            return [t for t in self.world.things if t.kind == "cabin"]
        return [t for t in self.world.things if kind == t.kind or (kind in t.tags and t.kind != "cabin")]

    def water(self, name):
        """Things that are this water."""
        return [t for t in self.world.things if t.kind in WATERS[name]]

    def scene(self, things):
        """The surfaces of some things alone."""
        return RayScene(replace(self.world, things=tuple(things)), water=True)

    def albedo(self, thing):
        """Display albedo [n, 3] of the splats of a thing."""
        rows = (self.splats.extras["thing"] == thing.id).numpy()
        return display_from_linear(self.splats.extras["albedo"].float().numpy()[rows].astype(np.float64))


def verdicts(world, asked):
    """All expectations of an entry of sentences.json, judged on `world`."""
    seen = Seen(world)
    out = [*_setting(seen, asked), *_things(seen, asked)]
    out += [Verdict(f"no {kind}", not seen.of(kind), _names(seen.of(kind))) for kind in asked["absent"]]
    for r in asked["relations"]:
        met, found = related(seen, r["kind"], r["a"], r["b"])
        out.append(Verdict(f"{r['a']} {r['kind']} {' and '.join(r['b'])}", met, found))
    listed = " ".join(world.spec.unknown).lower()
    out += [Verdict(f"'{word}' listed as unknown", word in listed, listed) for word in asked["unknown"]]
    return out


def _setting(seen, asked):
    world, air = seen.world, seen.world.environment
    spec = world.spec
    if asked["place"]:
        wanted = {INDOORS: "interior"}.get(asked["place"], asked["place"])
        ok = spec.place == wanted and air.indoors == (wanted == "interior") and _looks_like(seen, wanted)
        yield Verdict(f"place {wanted}", ok, spec.place)
    if asked["time"]:
        low, high = {"night": (-90, -6), "dawn": (-6, 15), "morning": (8, 45), "noon": (45, 90),
                     "afternoon": (15, 60), "sunset": (-3, 15), "dusk": (-8, 6)}[asked["time"]]  # fmt: skip
        ok = spec.time == asked["time"] and low <= air.sun_elevation_deg <= high
        yield Verdict(f"time {asked['time']}", ok, f"{spec.time}, sun at {air.sun_elevation_deg:.0f} degrees")
    if asked["weather"]:
        ok = {"clear": air.clouds < 0.45, "fog": air.haze > 0.01, "snow": air.clouds > 0.8, "rain": air.clouds > 0.8,
              "storm": air.clouds > 0.8, "cloudy": air.clouds > 0.45}[asked["weather"]]  # fmt: skip
        yield Verdict(f"weather {asked['weather']}", ok and spec.weather == asked["weather"], spec.weather)
    if asked["season"]:
        yield Verdict(f"season {asked['season']}", spec.season == asked["season"], spec.season)
    if asked["water"]:
        yield Verdict(f"water {asked['water']}", bool(seen.water(asked["water"])))


def _looks_like(seen, place):
    """The ground of a few places is of one colour; forests and villages have trees and buildings; rooms have walls."""
    if place == "interior":
        return {"floor", "wall", "ceiling"} <= {t.kind for t in seen.world.things}
    if place in ("snow", "desert", "beach"):
        red, _, blue = np.median(seen.albedo(next(t for t in seen.world.things if t.kind == "ground")), 0)
        return min(red, blue) > 0.6 if place == "snow" else red > blue > 0.15
    trees = sum("tree" in t.tags for t in seen.world.things)
    houses = sum("building" in t.tags for t in seen.world.things)
    waters = {"lake": "lake", "river": "river"}
    if place in waters:
        return bool(seen.water(waters[place]))
    return {"forest": trees >= 15, "village": houses >= 3}.get(place, True)


def _things(seen, asked):
    for kind in dict.fromkeys(t["class"] for t in asked["things"]):
        rows = [t for t in asked["things"] if t["class"] == kind]
        found = seen.of(kind)
        least = sum(r["count"]["min"] if isinstance(r["count"], dict) else r["count"] for r in rows)
        exact = all(isinstance(r["count"], int) for r in rows)
        ok = len(found) == least if exact else len(found) >= least
        yield Verdict(f"{'' if exact else 'at least '}{least} {kind}", ok, f"{len(found)}")
        for r in rows:
            need = r["count"] if isinstance(r["count"], int) else 1
            for name, test in (("colour", coloured), ("material", made_of), ("size", sized)):
                if r[name]:
                    have = [t for t in found if test(seen, t, r[name])]
                    yield Verdict(f"{need} {r[name]} {kind}", len(have) >= need, f"{len(have)} of {len(found)}")


def coloured(seen, thing, word):
    """Called so, and a fair share of its splats is of that colour."""
    return thing.colour == word and share_of(word, seen.albedo(thing)) > 0.08


def share_of(word, display):
    """Share of display colours [n, 3] that a person would call by this colour word."""
    if not len(display):
        return 0.0
    high, low = display.max(1), display.min(1)
    spread = high - low
    r, g, b = display.T
    safe = np.maximum(spread, 1e-6)
    hue = np.where(high == r, (g - b) / safe % 6, np.where(high == g, (b - r) / safe + 2, (r - g) / safe + 4)) * 60
    if word in ("white", "grey", "black"):
        plain = spread < 0.16
        return float(
            (plain & {"white": high > 0.62, "grey": (high > 0.2) & (high < 0.8), "black": high < 0.3}[word]).mean()
        )
    start, end = {"red": (335, 24), "orange": (12, 42), "yellow": (34, 66), "green": (66, 170), "blue": (185, 255),
                  "purple": (250, 325), "brown": (8, 48)}[word]  # fmt: skip
    within = (hue >= start) | (hue <= end) if start > end else (hue >= start) & (hue <= end)
    return float((within & (spread > 0.08) & ((high < 0.75) | (word != "brown"))).mean())


def made_of(seen, thing, word):
    """Listed as this material."""
    return thing.material == word


def sized(seen, thing, word):
    """Listed as this size or one that means it."""
    return thing.size in SIZES.get(word, {word})


def related(seen, kind, a, names):
    """Whether every thing of class `a` holds the relation, and which do not."""
    things = seen.of(a)
    if not things:
        return False, f"no {a}"
    if kind == "around":
        return around(seen, things, seen.of(names[0]))
    if kind == "along":
        return along(seen, things, names[0])
    failed = [t for t in things if not RULES[kind](seen, t, names)]
    return not failed, _names(failed)


def by(seen, thing, names):
    """At most 4 m of air between the two; 6 m to water, whose mesh ends up to a cell of 2 m before the waterline."""
    return any(_gap(seen, thing, name) <= (6.0 if name in WATERS else 4.0) for name in names)


def on(seen, thing, names):
    """Afloat on water, or spanning it; else standing on the top of the other."""
    name = names[0]
    if name in WATERS:
        return _on_water(seen, thing, name)
    lo, _ = _box(thing)
    x, y = _middle(thing)
    above = np.float32([[x, y, lo[2] + 0.3]])
    reach, owner = seen.scene(seen.of(name)).cast(above, np.float32([[0, 0, -1]]))
    return bool(owner[0] > 0 and abs(reach[0] - 0.3) < 0.15)


def _on_water(seen, thing, name):
    lo, hi = _box(thing)
    scene = seen.scene(seen.water(name))
    spots = [lo[:2] + f * (hi - lo)[:2] for f in (0.2, 0.35, 0.5, 0.65, 0.8)]
    above = np.float32([[*xy, 500.0] for xy in spots])
    reach, owner = scene.cast(above, np.tile(np.float32([0, 0, -1]), (len(above), 1)))
    if not (owner > 0).any():
        return False
    level = 500.0 - float(reach[owner > 0][0])
    if thing.kind == "bridge":
        return hi[2] > level
    return bool(owner[2] > 0 and lo[2] - 0.1 < level < hi[2])


def under(seen, thing, names):
    """Below the top of one of the others and within its outline."""
    x, y = _middle(thing)
    for other in seen.of(names[0]):
        lo, hi = _box(other)
        if lo[0] < x < hi[0] and lo[1] < y < hi[1] and _box(thing)[1][2] < hi[2] + 0.02:
            return True
    return False


def behind(seen, thing, names):
    """Further from the start than the middle of the others, and in their direction rather than beside them."""
    return _depth(seen, thing, names, 1)


def in_front_of(seen, thing, names):
    """Nearer to the start than the middle of the others, and in their direction rather than beside them."""
    return _depth(seen, thing, names, -1)


def _depth(seen, thing, names, sign):
    others = seen.of(names[0])
    if not others:
        return False
    middle = np.mean([_middle(t) for t in others], 0)
    away = (middle - seen.eye[:2]) / np.linalg.norm(middle - seen.eye[:2])
    offset = _middle(thing) - middle
    deep = sign * float(offset @ away)
    aside = abs(float(offset @ np.array([-away[1], away[0]])))
    width = max(float(np.linalg.norm((np.subtract(*_box(t)[::-1]))[:2])) / 2 for t in others)
    spread = max(float(np.linalg.norm(_middle(t) - middle)) for t in others)
    return deep > 0.3 and aside < deep + width + spread


def left_of(seen, thing, names):
    """Further left in the start view than the middle of the other."""
    return _side(seen, thing, names) < 0


def right_of(seen, thing, names):
    """Further right in the start view than the middle of the other."""
    return _side(seen, thing, names) > 0


def _side(seen, thing, names):
    other = seen.of(names[0])[0]
    towards = _middle(other) - seen.eye[:2]
    right = np.array([towards[1], -towards[0]]) / np.linalg.norm(towards)
    return float((_middle(thing) - seen.eye[:2]) @ right)


def between(seen, thing, names):
    """Near the line from one to the other and between its ends, or athwart it, as a bed between bedside lamps.

    Between a thing and water it is nearer to both than they are apart.
    """
    if any(n in WATERS for n in names):
        water = next(n for n in names if n in WATERS)
        ends = seen.of(next(n for n in names if n not in WATERS))
        for end in ends:
            apart = _gap(seen, end, water)
            if (
                _gap(seen, thing, water) < apart + 0.5
                and np.linalg.norm(_middle(thing) - _middle(end)) < 1.2 * apart + 6
            ):
                return True
        return False
    if len(names) == 1:
        pairs = [(p, q) for i, p in enumerate(seen.of(names[0])) for q in seen.of(names[0])[i + 1 :]]
    else:
        pairs = [(p, q) for p in seen.of(names[0]) for q in seen.of(names[1])]
    return any(_on_line(thing, _middle(p), _middle(q)) for p, q in pairs)


def _on_line(thing, p, q):
    lo, hi = (corner[:2] for corner in _box(thing))
    halfway = (p + q) / 2
    if (lo - 0.3 < halfway).all() and (halfway < hi + 0.3).all():
        return True
    way, x = q - p, _middle(thing)
    length = float(np.linalg.norm(way))
    at = float((x - p) @ way) / length**2
    aside = abs(float((x - p) @ np.array([-way[1], way[0]]))) / length
    return 0.1 < at < 0.9 and aside < 0.4 * length


def around(seen, things, others):
    """A ring: no open sector wider than 200 degrees, nobody far off; one thing alone (a fence) must enclose."""
    if not others:
        return False, "nothing to stand around"
    middle = _middle(others[0])
    if len(things) == 1:
        return _encloses(seen, things[0], others[0])
    offsets = np.array([_middle(t) for t in things]) - middle
    angles = np.sort(np.arctan2(offsets[:, 1], offsets[:, 0]))
    open_ = np.degrees(np.diff([*angles, angles[0] + 2 * np.pi]).max())
    gaps = [_gap_boxes(t, others[0]) for t in things]
    limit = 4.0 + 2.5 * max(float(np.linalg.norm(np.subtract(*_box(t)[::-1])[:2])) for t in (things[0], others[0]))
    return bool(open_ <= 200 and max(gaps) < limit), f"open {open_:.0f} degrees, gap {max(gaps):.1f} m"


def _encloses(seen, thing, other):
    (lo, hi), (inner_lo, inner_hi) = _box(thing), _box(other)
    angle = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    level = seen.scene([thing])
    ways = np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1).astype(np.float32)
    hit = np.zeros(len(angle), bool)
    for z in np.linspace(lo[2], hi[2], 12)[1:-1]:
        eye = np.float32([*_middle(other), z])
        hit |= level.cast(np.tile(eye, (len(ways), 1)), ways)[1] > 0
    outside = (lo[:2] < inner_lo[:2]).all() and (hi[:2] > inner_hi[:2]).all()
    return bool(hit.mean() > 0.75 and outside), f"{hit.mean():.0%} of the looks out meet it"


def along(seen, things, name):
    """All within 12 m of the water, or strung in a line for a path; spread out, not in a heap."""
    spots = np.array([_middle(t) for t in things])
    spread = np.linalg.norm(spots - spots.mean(0), axis=1).max() if len(things) > 1 else np.inf
    if name != "path":
        gaps = [_gap(seen, t, name) for t in things]
        return bool(max(gaps) <= 12 and spread > 4), f"furthest {max(gaps):.1f} m off"
    if len(things) < 3:
        return seen.world.spec.path and spread > 2, "too few to see a line"
    nearest = np.linalg.norm(spots[:, None] - spots[None], axis=2)
    np.fill_diagonal(nearest, np.inf)
    axis = np.linalg.svd(spots - spots.mean(0))[2]
    long_, wide = np.ptp((spots - spots.mean(0)) @ axis.T, axis=0)
    ok = seen.world.spec.path and nearest.min(1).max() < 12 and long_ > 1.8 * wide
    return bool(ok), f"{long_:.0f} m long, {wide:.0f} m wide"


RULES = {"by": by, "on": on, "in": on, "under": under, "behind": behind, "in_front_of": in_front_of,
         "left_of": left_of, "right_of": right_of, "between": between}  # fmt: skip


def _box(thing):
    lo, hi = thing.world_bounds
    return np.asarray(lo), np.asarray(hi)


def _middle(thing):
    lo, hi = _box(thing)
    return (lo + hi)[:2] / 2


def _gap_boxes(a, b):
    (alo, ahi), (blo, bhi) = _box(a), _box(b)
    return float(np.linalg.norm(np.maximum(0, np.maximum(blo - ahi, alo - bhi))[:2]))


def _gap(seen, thing, name):
    """Metres of air on the map between a thing and the nearest of a class or a water."""
    if name in WATERS:
        lo, hi = _box(thing)
        corners = np.array([[x, y] for x in np.linspace(lo[0], hi[0], 5) for y in np.linspace(lo[1], hi[1], 5)])
        level = _box(seen.water(name)[0])[0][2]
        return float(seen.scene(seen.water(name)).distance(np.float32([[*c, level] for c in corners])).min())
    others = [t for t in seen.of(name) if t.id != thing.id]
    return min((_gap_boxes(thing, t) for t in others), default=np.inf)


def _names(things):
    return ", ".join(t.name for t in things[:4])
