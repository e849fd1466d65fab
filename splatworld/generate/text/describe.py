"""A spec in plain words, for the command line: what was understood."""

from splatworld.generate.text.inflect import plurals
from splatworld.scene_spec import Item, Relation, SceneSpec

_UNKNOWN_SHOWN = 12
_ITEMS_SHOWN = 20
_AS_ADJECTIVE = {"wood": "wooden", "thatch": "thatched"}


def describe(spec: SceneSpec) -> str:
    """What a spec asks for, in a few lines without any mark-up."""
    lines = [f"Place: {_place(spec)}", f"Light: {spec.time}, {spec.weather}, {spec.season}"]
    names = {item.id: item for item in spec.items}
    shown = [f"  {_item(item, names)}" for item in spec.items[:_ITEMS_SHOWN]]
    more = len(spec.items) - len(shown)
    if shown:
        lines += ["Things:", *shown] + ([f"  and {more} more"] if more else [])
    if spec.covers:
        lines.append(
            "Growing and lying about: " + ", ".join(_join(c.size, c.colour, _plural(c.thing)) for c in spec.covers)
        )
    if spec.absent:
        lines.append("Without: " + ", ".join(_plural(name) for name in spec.absent))
    if spec.unknown:
        rest = len(spec.unknown) - _UNKNOWN_SHOWN
        lines.append(
            "Not understood: " + ", ".join(spec.unknown[:_UNKNOWN_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
        )
    return "\n".join([*lines, *(f"Note: {note}" for note in spec.notes)])


def _place(spec: SceneSpec) -> str:
    parts = ["room" if spec.place == "interior" else "snow country" if spec.place == "snow" else spec.place]
    if spec.water and spec.water != spec.place:
        parts.append(f"with a {spec.water}")
    if spec.path:
        parts.append("with a path")
    if spec.far != "none":
        parts.append(f"{spec.far} far off")
    return ", ".join([*parts, f"ground of {spec.ground.replace('_', ' ')}"])


def _item(item: Item, names: dict[str, Item]) -> str:
    noun = _plural(item.thing) if item.count > 1 else item.thing.replace("_", " ")
    where = [_relation(relation, names) for relation in item.relations]
    return ", ".join(
        [
            _join(str(item.count), item.size, item.colour, _AS_ADJECTIVE.get(item.material or "", item.material), noun),
            *where,
        ]
    )


def _relation(relation: Relation, names: dict[str, Item]) -> str:
    to = [f"the {_name(names[t]) if t in names else t}" for t in relation.to]
    return f"{relation.kind.replace('_', ' ')} {' and '.join(to)}"


def _name(item: Item) -> str:
    return _join(item.colour, _plural(item.thing) if item.count > 1 else item.thing.replace("_", " "))


def _plural(name: str) -> str:
    noun = name.replace("_", " ")
    return noun if noun.endswith(("s", "grass")) else plurals(noun)[0]


def _join(*words: str | None) -> str:
    return " ".join(word for word in words if word)
