"""Packages that answer calls: `splatworld.render(world, cameras)` although `splatworld.render` is a package too."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def call_as(package: str, function: Callable[..., Any]) -> None:
    """Let the package itself be called like its main function.

    A package replaces an equally named function in its parent as soon as anything imports it, so the public function
    works in every import order only if the package answers calls.
    """

    class CallablePackage(ModuleType):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

    sys.modules[package].__class__ = CallablePackage
