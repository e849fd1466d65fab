"""A world as viser nodes: sends the budgeted copy once, then only what changed."""

from dataclasses import replace

import numpy as np
import viser
from numpy.typing import NDArray

from splatworld.splats import Splats
from splatworld.world import World
from splatworld_viewer.budget import budgeted
from splatworld_viewer.layout import Node, nodes
from splatworld_viewer.session import Change


class Scene:
    """The nodes that show one world to every client of `server`."""

    def __init__(self, server: viser.ViserServer, world: World, budget: int) -> None:
        self._server = server
        self._budget = budget
        self._shown: dict[str, tuple[Node, viser.GaussianSplatHandle]] = {}
        self._world = self._show(world)

    def __len__(self) -> int:
        """Splats that were sent."""
        return len(self._world)

    @property
    def world(self) -> World:
        """The budgeted copy that is on show."""
        return self._world

    def update(self, world: World, change: Change) -> None:
        """Follow `world`, which differs from the one on show by `change`."""
        if change.rebuilt:
            self._world = self._show(world)
            return
        self._world = replace(self._world, things=world.things, environment=world.environment)
        touched = change.shown | change.moved
        with self._server.atomic():
            for node, handle in self._shown.values():
                if node.things & touched:
                    self._refresh(node, handle)

    def _show(self, world: World) -> World:
        copy = budgeted(world, self._budget)
        before, self._shown = self._shown, {}
        with self._server.atomic():
            for node in nodes(copy):
                arrays = packed(node.splats(copy))
                known = before.pop(node.name, None)
                if known is None:
                    handle = self._server.scene.add_gaussian_splats(node.name, *arrays)
                else:
                    handle = known[1]
                    handle.set_gaussians(*arrays)
                self._shown[node.name] = (node, handle)
                _pose(node, handle, copy)
            for _, handle in before.values():
                handle.remove()
        return copy

    def _refresh(self, node: Node, handle: viser.GaussianSplatHandle) -> None:
        if node.shared and node.visible(self._world):
            handle.set_gaussians(*packed(node.splats(self._world)))
        _pose(node, handle, self._world)


def _pose(node: Node, handle: viser.GaussianSplatHandle, world: World) -> None:
    at = node.pose(world)
    handle.position, handle.wxyz, handle.scale = at.translation, at.rotation, at.scale
    handle.visible = node.visible(world)


def packed(splats: Splats) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]:
    """What viser takes: centres [n, 3], covariances [n, 3, 3], rgb [n, 3] and opacity [n, 1] in bytes."""
    rgb = (splats.colours.clamp(0, 1) * 255).round().byte().numpy()
    alpha = (splats.opacities * 255).round().byte().numpy()[:, None]
    return splats.means.float().numpy(), splats.covariances.float().numpy(), rgb, alpha
