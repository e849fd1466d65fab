"""GLB files made by hand, from JSON and numbers, for tests."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

KHR = "KHR_gaussian_splatting"
TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
COMPONENTS = {"int8": 5120, "uint8": 5121, "int16": 5122, "uint16": 5123, "uint32": 5125, "float32": 5126}


def packed(text: bytes, data: bytes) -> bytes:
    """A GLB of two chunks, whatever is in them."""
    text, data = text.ljust(-(-len(text) // 4) * 4), data.ljust(-(-len(data) // 4) * 4, b"\0")
    total = 12 + 8 + len(text) + 8 + len(data)
    head = struct.pack("<4sIIII", b"glTF", 2, total, len(text), 0x4E4F534A)
    return head + text + struct.pack("<II", len(data), 0x004E4942) + data


def parsed(path: Path) -> tuple[dict[str, Any], bytes]:
    """JSON and bytes of a GLB."""
    whole = path.read_bytes()
    assert struct.unpack_from("<4sII", whole) == (b"glTF", 2, len(whole))
    size = struct.unpack_from("<I", whole, 12)[0]
    return json.loads(whole[20 : 20 + size]), whole[28 + size :]


def attribute(path: Path, name: str) -> NDArray[Any]:
    """The numbers of an attribute of the first primitive of the first mesh, [n, k]."""
    said, data = parsed(path)
    accessor = said["accessors"][said["meshes"][0]["primitives"][0]["attributes"][name]]
    width = next(k for k, v in TYPES.items() if v == accessor["type"])
    dtype = next(k for k, v in COMPONENTS.items() if v == accessor["componentType"])
    at = said["bufferViews"][accessor["bufferView"]]["byteOffset"] + accessor.get("byteOffset", 0)
    return np.frombuffer(data, dtype, accessor["count"] * width, at).reshape(-1, width)


class Made:
    """A file in the making; change `json` at will, then `write`."""

    def __init__(self) -> None:
        self.json: dict[str, Any] = {"asset": {"version": "2.0"}, "accessors": [], "bufferViews": []}
        self.data = b""

    def put(self, values: NDArray[Any], **more: Any) -> int:
        """An accessor of these numbers, [n] or [n, k]."""
        width = values.shape[1] if values.ndim > 1 else 1
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": values.nbytes}
        self.json["bufferViews"].append(view)
        self.data += values.tobytes().ljust(-(-values.nbytes // 4) * 4, b"\0")
        kind = {"type": TYPES[width], "componentType": COMPONENTS[str(values.dtype)], "count": len(values)}
        self.json["accessors"].append({"bufferView": len(self.json["bufferViews"]) - 1, **kind, **more})
        return len(self.json["accessors"]) - 1

    def write(self, path: Path) -> Path:
        self.json["buffers"] = [{"byteLength": len(self.data)}]
        path.write_bytes(packed(json.dumps(self.json).encode(), self.data))
        return path


def splats(n: int = 4, degree: int = 0, seed: int = 0) -> Made:
    """A file of one node with `n` splats."""
    rng = np.random.default_rng(seed)
    made = Made()
    quats = rng.normal(size=(n, 4)).astype(np.float32)
    attributes = {
        "POSITION": made.put(rng.normal(size=(n, 3)).astype(np.float32)),
        f"{KHR}:ROTATION": made.put(quats / np.linalg.norm(quats, axis=1, keepdims=True)),
        f"{KHR}:SCALE": made.put(rng.uniform(0.01, 0.2, (n, 3)).astype(np.float32)),
        f"{KHR}:OPACITY": made.put(rng.uniform(0.1, 0.9, n).astype(np.float32)),
    }
    for band in range(degree + 1):
        for i in range(2 * band + 1):
            values = rng.uniform(-0.5, 0.5, (n, 3)).astype(np.float32)
            attributes[f"{KHR}:SH_DEGREE_{band}_COEF_{i}"] = made.put(values)
    properties = {KHR: {"kernel": "ellipse", "colorSpace": "srgb_rec709_display"}}
    made.json |= {
        "extensionsUsed": [KHR],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": attributes, "mode": 0, "extensions": properties}]}],
    }
    return made
