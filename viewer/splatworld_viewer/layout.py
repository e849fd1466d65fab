"""Which splats go into which viser node. Knows no viser.

A large thing has nodes of its own, in its own frame, so that hiding or moving it is one short message. Small things
share a node, in the world frame; when one of them changes, the node's splats are sent again.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from splatworld.geometry import Similarity
from splatworld.splats import Splats
from splatworld.world import World, place

NODE_SPLATS = 128 * 1024
GROUP_SPLATS = 32 * 1024
"""A shared node is small: 1 MB on the wire."""
OWN_NODES_MAX = 120
OWN_SPLATS_MIN = 256


@dataclass(frozen=True)
class Node:
    """Rows of one layer that are sent together."""

    name: str
    layer: int
    things: frozenset[int]
    """Ids; 0 stands for splats of no thing."""
    shared: bool
    rows: Int[Tensor, " m"]

    def pose(self, world: World) -> Similarity:
        """Where the node stands: its thing's place, or the world's origin for a shared node."""
        if self.shared:
            return Similarity()
        world_from_layer = world.layers[self.layer].world_from_layer
        at = [t.world_from_thing for t in world.things if t.id in self.things]
        return world_from_layer @ at[0] if at else world_from_layer

    def splats(self, world: World) -> Splats:
        """What the node shows, in its own frame. A shared node leaves hidden members out, unless all are hidden."""
        layer = world.layers[self.layer]
        rows = layer.splats[self.rows]
        if not self.shared:
            return rows
        placed = place(rows, world.things, visible_only=self.visible(world))
        return placed.transformed(layer.world_from_layer)

    def visible(self, world: World) -> bool:
        """Whether there is anything to show."""
        hidden = {t.id for t in world.things if not t.visible}
        return world.layers[self.layer].visible and not self.things <= hidden


def nodes(world: World) -> list[Node]:
    """All of a world's splats in at most 200 nodes (for budgets up to 2 M splats)."""
    kinds = {t.id: t.kind for t in world.things}
    left = OWN_NODES_MAX
    out: list[Node] = []
    for index, layer in enumerate(world.layers):
        rows_of = _rows_by_thing(layer.splats)
        own, left = _own(rows_of, left)
        for thing in own:
            for k, rows in enumerate(rows_of[thing].split(NODE_SPLATS)):
                out.append(Node(f"/world/{index}-{thing}-{k}", index, frozenset({thing}), False, rows))
        small = sorted(rows_of.keys() - set(own), key=lambda i: (kinds.get(i, ""), i))
        out += _shared(index, small, rows_of)
    return out


def _rows_by_thing(splats: Splats) -> dict[int, Int[Tensor, " m"]]:
    ids = splats.extras.get("thing")
    if ids is None:
        return {0: torch.arange(len(splats))} if len(splats) else {}
    order = torch.argsort(ids.long(), stable=True)
    present, counts = torch.unique_consecutive(ids.long()[order], return_counts=True)
    return dict(zip(present.tolist(), order.split(counts.tolist()), strict=True))


def _own(rows_of: dict[int, Int[Tensor, " m"]], left: int) -> tuple[list[int], int]:
    """The largest things, and how many nodes of the allowance remain."""
    own = []
    for thing in sorted(rows_of, key=lambda i: (-len(rows_of[i]), i)):
        need = -(-len(rows_of[thing]) // NODE_SPLATS)
        if thing != 0 and (len(rows_of[thing]) < OWN_SPLATS_MIN or need > left):
            break
        own.append(thing)
        left -= need
    return own, left


def _shared(layer: int, things: list[int], rows_of: dict[int, Int[Tensor, " m"]]) -> Iterator[Node]:
    size = max(GROUP_SPLATS, sum(len(rows_of[i]) for i in things) // 48)
    members: list[int] = []
    for thing in things:
        if members and sum(len(rows_of[i]) for i in (*members, thing)) > size:
            yield _group(layer, members, rows_of)
            members = []
        members.append(thing)
    if members:
        yield _group(layer, members, rows_of)


def _group(layer: int, members: list[int], rows_of: dict[int, Int[Tensor, " m"]]) -> Node:
    rows = torch.cat([rows_of[i] for i in members]).sort().values
    return Node(f"/world/{layer}-group-{members[0]}", layer, frozenset(members), True, rows)
