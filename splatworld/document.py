"""`name.splatworld`: a world in one SQLite file, exactly as it was.

| table | holds                                                                                                |
|-------|------------------------------------------------------------------------------------------------------|
| meta  | environment, viewpoints, spec, provenance, labels and the list of surfaces, as JSON                  |
| layer | per layer its transform and, for each column of its splats, the hashes of the tiles, as JSON          |
| thing | each thing as JSON                                                                                   |
| blob  | tiles of 65,536 rows of one column, and the arrays of surfaces, named by their BLAKE2b hash          |

Equal tiles are stored once. A document from elsewhere is hostile until checked: application id, exact schema, sizes
before memory, hashes, JSON against types, indices against tables.
"""

import contextlib
import hashlib
import math
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import msgspec
import torch
from torch import Tensor

from splatworld import limits, soundness
from splatworld.errors import FormatError, OutputError
from splatworld.geometry import Similarity
from splatworld.progress import Progress, Step
from splatworld.scene_spec import SceneSpec
from splatworld.splats import Splats
from splatworld.world import Environment, Layer, Provenance, Surface, Thing, Viewpoint, World

FRAME: Literal["rfu"] = "rfu"
KEEPS_THINGS = True
APPLICATION_ID = 0x53574C44
"""'SWLD'"""
VERSION = 1
TILE_ROWS = 65_536

_SCHEMA = (
    "CREATE TABLE meta (k TEXT PRIMARY KEY, v TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE blob (hash BLOB PRIMARY KEY, codec TEXT NOT NULL, nbytes INTEGER NOT NULL, data BLOB NOT NULL)",
    "CREATE TABLE layer (id TEXT PRIMARY KEY, position INTEGER NOT NULL, name TEXT NOT NULL, manifest TEXT NOT NULL)",
    "CREATE TABLE thing (id INTEGER PRIMARY KEY, position INTEGER NOT NULL, data TEXT NOT NULL)",
)
_SQLITE_MAGIC = b"SQLite format 3\0"
_DTYPES = ("float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool")
_CORE = tuple(f.name for f in fields(Splats) if f.name != "extras")
_ROW_VALUES_MAX = 256
_UNPACKED_PER_BYTE = 100
"""Positions hardly compress and are a tenth of a splat, so no honest document unpacks to more than this many times its
size; the spare below is for small ones."""
_UNPACKED_SPARE = 64 << 20


class Array(msgspec.Struct, frozen=True):
    """Where the values of one tensor are: rows of equal shape, cut into tiles."""

    name: str
    rows: int
    shape: tuple[int, ...]
    """Of one row."""
    dtype: str
    tiles: list[str]
    """Hashes in hex."""

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return math.prod(self.shape) * getattr(torch, self.dtype).itemsize


class LayerManifest(msgspec.Struct, frozen=True):
    """A layer without its id and name."""

    visible: bool
    locked: bool
    world_from_layer: Similarity
    columns: list[Array]


class SurfaceManifest(msgspec.Struct, frozen=True):
    """A surface: [v, 3] float32 and [f, 3] int32."""

    key: str
    vertices: Array
    faces: Array


_META: dict[str, Any] = {
    "environment": Environment,
    "viewpoints": tuple[Viewpoint, ...],
    "spec": SceneSpec | None,
    "provenance": Provenance,
    "labels": tuple[str, ...],
    "surfaces": list[SurfaceManifest],
}


def recognises(head: bytes) -> bool:
    """True if the first bytes of a file are those of a document."""
    return head.startswith(_SQLITE_MAGIC) and head[68:72] == APPLICATION_ID.to_bytes(4, "big")


# --- writing ---------------------------------------------------------------------------------------------------------


def write(world: World, path: Path, *, progress: Progress) -> None:
    """Write the whole world, hidden parts too, to a fresh path that the caller puts in place. Raises `OutputError`."""
    problem = soundness.problem(world)
    if problem:
        raise OutputError(f"cannot write the document: {problem}")
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
            _create(db)
            db.execute("BEGIN")
            _write_layers(db, world, progress)
            rows = [(t.id, i, _json(t, Thing)) for i, t in enumerate(world.things)]
            db.executemany("INSERT INTO thing VALUES (?, ?, ?)", rows)
            surfaces = [_stored_surface(db, key, surface) for key, surface in world.surfaces.items()]
            for key, kind in _META.items():
                value = surfaces if key == "surfaces" else getattr(world, key)
                db.execute("INSERT INTO meta VALUES (?, ?)", (key, _json(value, kind)))
            db.execute("COMMIT")
    except sqlite3.Error as why:
        raise OutputError(f"cannot write the document: {why}") from why


def _create(db: sqlite3.Connection) -> None:
    """The caller flushes and renames the file, so SQLite need do neither; its journal may stay in memory."""
    for pragma in ("page_size = 8192", "journal_mode = MEMORY", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
        db.execute(f"PRAGMA {pragma}")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {VERSION}")
    for statement in _SCHEMA:
        db.execute(statement)


def _write_layers(db: sqlite3.Connection, world: World, progress: Progress) -> None:
    for position, layer in enumerate(world.layers):
        splats = layer.splats
        columns = {**{name: getattr(splats, name) for name in _CORE}, **splats.extras}
        arrays = []
        for name, values in columns.items():
            arrays.append(_stored(db, name, values))
            progress(Step(position * len(columns) + len(arrays), len(world.layers) * len(columns)))
        manifest = LayerManifest(layer.visible, layer.locked, layer.world_from_layer, arrays)
        row = (layer.id, position, layer.name, _json(manifest, LayerManifest))
        db.execute("INSERT INTO layer VALUES (?, ?, ?, ?)", row)


def _stored_surface(db: sqlite3.Connection, key: str, surface: Surface) -> SurfaceManifest:
    vertices = _stored(db, "vertices", torch.as_tensor(surface.vertices, dtype=torch.float32))
    return SurfaceManifest(key, vertices, _stored(db, "faces", torch.as_tensor(surface.faces, dtype=torch.int32)))


def _stored(db: sqlite3.Connection, name: str, values: Tensor) -> Array:
    """Put the tiles of a tensor into the file and say where they are."""
    dtype = str(values.dtype).removeprefix("torch.")
    if dtype not in _DTYPES:
        raise OutputError(f"cannot write the document: '{name}' has type {dtype}, which documents do not hold")
    values = values.detach().cpu().contiguous()
    tiles = [_stored_tile(db, tile) for tile in values.split(TILE_ROWS) if tile.numel()]
    return Array(name, values.shape[0], tuple(values.shape[1:]), dtype, tiles)


def _stored_tile(db: sqlite3.Connection, tile: Tensor) -> str:
    import zstandard

    plain = tile.flatten().view(torch.uint8).numpy().data
    digest = _digest(plain)
    packed = zstandard.ZstdCompressor(level=1).compress(plain)
    # Values that hardly shrink are kept as they are: reading them is a copy.
    codec, data = ("zstd", packed) if len(packed) < 0.9 * len(plain) else ("raw", plain)
    db.execute("INSERT OR IGNORE INTO blob VALUES (?, ?, ?, ?)", (digest, codec, len(plain), data))
    return digest.hex()


def _digest(data: bytes | memoryview) -> bytes:
    return hashlib.blake2b(data, digest_size=32).digest()


def _json(value: object, kind: Any) -> str:
    """JSON that reads back as the same value; numbers that are not finite have no JSON and are refused."""
    text = msgspec.json.encode(value)
    try:
        same = msgspec.json.decode(text, type=kind) == value
    except msgspec.ValidationError as why:
        raise OutputError(f"cannot write the document: a {type(value).__name__} is not valid ({why})") from None
    if not same:
        raise OutputError(f"cannot write the document: a {type(value).__name__} would not read back as it is")
    return text.decode()


# --- reading ---------------------------------------------------------------------------------------------------------


def read(path: Path, *, frame: str | None, progress: Progress) -> World:
    """The world of a document, read-only. Raises `FormatError` for anything that is not a sound document."""
    if frame not in (None, FRAME):
        raise FormatError(f"{path.name} records its axes; a frame cannot be chosen for it")
    with open(path, "rb") as file:
        if not recognises(file.read(100)):
            raise FormatError(f"{path.name} is no splatworld document")
    try:
        with contextlib.closing(_opened(path)) as db:
            world = _read_world(db, path, progress)
    except (sqlite3.Error, OverflowError, msgspec.DecodeError, RecursionError, UnicodeError) as why:
        raise FormatError(f"{path.name} is damaged: {why}") from None
    problem = soundness.problem(world)
    if problem:
        raise FormatError(f"{path.name} is damaged: {problem}")
    return world


def _opened(path: Path) -> sqlite3.Connection:
    """A read-only connection to a file whose schema is exactly ours: no triggers, no views, nothing computed.

    Immutable, so that journals beside it are neither looked for nor made: documents appear whole (`files.replacing`).
    """
    db = sqlite3.connect(f"file:{quote(str(path.resolve()))}?immutable=1", uri=True, isolation_level=None)
    try:
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limits.DOCUMENT_BLOB_BYTES)
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA cell_size_check = ON")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            raise FormatError(f"{path.name} is a document of version {version}; this splatworld reads {VERSION}")
        pages, page = (db.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "page_size"))
        if pages * page != path.stat().st_size:
            raise FormatError(f"{path.name} is damaged: it is longer or shorter than it says")
        found = db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL LIMIT 9").fetchall()
        if sorted(sql for (sql,) in found) != sorted(_SCHEMA):
            raise FormatError(f"{path.name} has other tables than a splatworld document")
    except BaseException:
        db.close()
        raise
    return db


class _Rows:
    """Reads rows out of one document, and keeps account of the memory it may still ask for."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self.db = db
        self.source = path.name
        self.allowance = path.stat().st_size * _UNPACKED_PER_BYTE + _UNPACKED_SPARE
        self.texts = path.stat().st_size
        """Bytes, as texts are not packed. In a damaged file many rows may share the same pages."""

    def select(self, columns: str, rest: str) -> Iterator[tuple[Any, ...]]:
        """Rows of a table of texts and numbers. Raises `FormatError` if they hold more than the file can."""
        for row in self.db.execute(f"SELECT {columns} FROM {rest}"):
            self.texts -= sum(len(cell) for cell in row if isinstance(cell, str | bytes))
            if self.texts < 0:
                raise FormatError(f"{self.source} is damaged: its texts are longer than the file")
            yield row

    def decoded(self, text: object, kind: Any) -> Any:
        """A value of JSON."""
        if not isinstance(text, str) or len(text) > limits.DOCUMENT_JSON_BYTES:
            raise FormatError(f"{self.source} is damaged: an entry is no text or too long")
        return msgspec.json.decode(text, type=kind)

    def tensor(self, array: Array) -> Tensor:
        """The values of an array. Raises `FormatError` before memory is asked for, if the sizes do not fit."""
        self._check(array)
        dtype = getattr(torch, array.dtype)
        total = array.rows * array.row_bytes
        if not total:
            return torch.empty(array.rows, *array.shape, dtype=dtype)
        buffer, tile = bytearray(total), TILE_ROWS * array.row_bytes
        for i, name in enumerate(array.tiles):
            start = i * tile
            buffer[start : start + tile] = self._bytes(name, min(tile, total - start))
        return torch.frombuffer(buffer, dtype=dtype).reshape(array.rows, *array.shape)

    def _check(self, array: Array) -> None:
        if array.dtype not in _DTYPES:
            raise FormatError(f"{self.source}: '{array.name[:40]}' has the unknown type '{array.dtype[:40]}'")
        if len(array.shape) > 3 or any(not 0 <= s <= _ROW_VALUES_MAX for s in array.shape):
            raise FormatError(f"{self.source}: the rows of '{array.name[:40]}' have an impossible shape")
        size = array.rows * array.row_bytes
        expected = -(-array.rows // TILE_ROWS) if size else 0
        if not 0 <= array.rows <= limits.FILE_SPLATS_MAX or len(array.tiles) != expected:
            raise FormatError(
                f"{self.source}: '{array.name[:40]}' has {len(array.tiles)} tiles for {array.rows:,} rows"
            )
        self.allowance -= size
        if math.prod(array.shape) > _ROW_VALUES_MAX or self.allowance < 0:
            raise FormatError(f"{self.source} would unpack to far more than a file of its size can honestly hold")

    def _bytes(self, name: str, size: int) -> bytes:
        import zstandard

        try:
            digest = bytes.fromhex(name)
        except ValueError:
            raise FormatError(f"{self.source}: a tile has no proper hash") from None
        row = self.db.execute("SELECT codec, nbytes, data FROM blob WHERE hash = ?", (digest,)).fetchone()
        if row is None or row[0] not in ("raw", "zstd") or row[1] != size or not isinstance(row[2], bytes):
            raise FormatError(f"{self.source}: tile {name[:12]} is missing or of the wrong size")
        data = row[2]
        if row[0] == "zstd":
            try:
                # The size in the frame is what zstandard would allocate, so it is looked at first.
                fits = zstandard.frame_content_size(data) == size
                data = zstandard.ZstdDecompressor().decompress(data) if fits else b""
            except zstandard.ZstdError as why:
                raise FormatError(f"{self.source}: tile {name[:12]} is damaged ({why})") from None
        if len(data) != size or _digest(data) != digest:
            raise FormatError(f"{self.source}: tile {name[:12]} is damaged: its hash does not fit")
        return data


def _read_world(db: sqlite3.Connection, path: Path, progress: Progress) -> World:
    rows = _Rows(db, path)
    meta = {k: rows.decoded(v, _META[k]) for k, v in rows.select("k, v", "meta") if k in _META}
    if missing := set(_META) - set(meta):
        raise FormatError(f"{path.name} is damaged: it lacks {', '.join(sorted(missing))}")
    things = tuple(rows.decoded(text, Thing) for (text,) in rows.select("data", "thing ORDER BY position"))
    layers = tuple(_layers(rows, progress))
    surfaces = {m.key: _surface(rows, m) for m in meta.pop("surfaces")}
    return World(layers, things, surfaces=surfaces, **meta)


def _layers(rows: _Rows, progress: Progress) -> Iterator[Layer]:
    found = list(rows.select("id, name, manifest", "layer ORDER BY position"))
    for i, (key, name, text) in enumerate(found):
        manifest = rows.decoded(text, LayerManifest)
        columns = {array.name: rows.tensor(array) for array in manifest.columns}
        splats = _splats(columns, rows.source)
        yield Layer(str(key), str(name), splats, manifest.world_from_layer, manifest.visible, manifest.locked)
        progress(Step(i + 1, len(found)))


def _splats(columns: Mapping[str, Tensor], source: str) -> Splats:
    shapes = {"means": (3,), "quats": (4,), "log_scales": (3,), "logit_opacities": ()}
    rows = {len(values) for values in columns.values()}
    fits = all(name in columns and columns[name].shape[1:] == shape for name, shape in shapes.items())
    sh = columns.get("sh")
    if not fits or len(rows) != 1 or sh is None or sh.shape[1:] not in [((d + 1) ** 2, 3) for d in range(5)]:
        raise FormatError(f"{source} is damaged: a layer lacks columns, or they do not fit each other")
    if any(columns[name].dtype != torch.float32 for name in _CORE):
        raise FormatError(f"{source} is damaged: a column of splats is not of type float32")
    extras = {name: values for name, values in columns.items() if name not in _CORE}
    return Splats(**{name: columns[name] for name in _CORE}, extras=extras)


def _surface(rows: _Rows, manifest: SurfaceManifest) -> Surface:
    vertices, faces = rows.tensor(manifest.vertices), rows.tensor(manifest.faces)
    typed = (vertices.dtype, faces.dtype) == (torch.float32, torch.int32)
    if not typed or vertices.shape[1:] != (3,) or faces.shape[1:] != (3,):
        raise FormatError(f"{rows.source} is damaged: surface '{manifest.key[:40]}' is no triangle mesh")
    return Surface(vertices.numpy(), faces.numpy())
