"""The tree of nodes of a glTF: what its scene shows, and where."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats.gltf_container import Glb, Node
from splatworld.geometry import Similarity, quats_from_matrices, rotation_matrix

_ROUNDING = 1e-3
"""By how much a transform may differ from a similarity, as a share."""


def shown(glb: Glb) -> Iterator[tuple[Node, NDArray[np.float64]]]:
    """All nodes of the scene, with what places them in it: 4x4, each child within its parent. Raises `FormatError`."""
    nodes, met = glb.json.nodes, set[int]()
    waiting = [(index, np.eye(4), 1) for index in reversed(_roots(glb))]
    while waiting:
        index, outer, depth = waiting.pop()
        if index in met:
            raise FormatError(f"{glb.name}: node {index:,} hangs below itself or in two places")
        if depth > limits.GLTF_NODE_DEPTH:
            raise FormatError(f"{glb.name}: node {index:,} lies deeper than {limits.GLTF_NODE_DEPTH} nodes")
        met.add(index)
        node = glb.item(nodes, index, "node")
        place = outer @ _local(node, f"{glb.name}: node {index:,}")
        yield node, place
        waiting += [(child, place, depth + 1) for child in reversed(node.children)]


def _roots(glb: Glb) -> list[int]:
    """Those of the scene that is to be shown; without scenes, all nodes that are nobody's children."""
    if glb.json.scenes:
        return glb.item(glb.json.scenes, glb.json.scene, "scene").nodes
    children = {child for node in glb.json.nodes for child in node.children}
    return [index for index in range(len(glb.json.nodes)) if index not in children]


def _local(node: Node, what: str) -> NDArray[np.float64]:
    if node.matrix is not None:
        return np.array(node.matrix).reshape(4, 4).T
    x, y, z, w = node.rotation
    if not 1e-6 < x * x + y * y + z * z + w * w < 1e6:
        raise FormatError(f"{what} has no rotation")
    out = np.eye(4)
    out[:3, :3] = rotation_matrix((w, x, y, z)) * np.array(node.scale)
    out[:3, 3] = node.translation
    return out


def similarity(place: NDArray[np.float64], what: str) -> Similarity:
    """A transform that turns, moves and scales all axes alike, from its matrix [4, 4]; `FormatError` for others."""
    if np.abs(place - np.eye(4)).max() == 0:
        return Similarity()
    linear = place[:3, :3]
    with np.errstate(over="ignore", invalid="ignore"):
        scale = float(np.cbrt(np.linalg.det(linear)))
    if not np.isfinite(place).all() or not 1e-12 < abs(scale) < 1e12:
        raise FormatError(f"{what} scales by nothing or by more than there is")
    if scale < 0:
        raise FormatError(f"{what} mirrors its splats, which splats cannot do; apply its transform where it was made")
    turn = linear / scale
    if np.abs(turn @ turn.T - np.eye(3)).max() > _ROUNDING:
        raise FormatError(f"{what} scales its splats unequally along the axes; only equal scaling is read")
    w, x, y, z = quats_from_matrices(turn[None])[0].tolist()
    tx, ty, tz = place[:3, 3].tolist()
    return Similarity(scale, (w, x, y, z), (tx, ty, tz))
