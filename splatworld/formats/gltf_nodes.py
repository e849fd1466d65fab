"""The tree of nodes of a glTF: what its scene shows, and where."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats.gltf_container import Glb, Node
from splatworld.geometry import rotation_matrix


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
        with np.errstate(over="ignore", invalid="ignore"):  # looked at where it is used
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
