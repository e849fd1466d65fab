"""Breaks files on purpose: bytes, numbers in texts, and what containers hold, packed again after it was broken.

`mutated` depends on its arguments alone, so an input is known by the number it was made from.
"""

import gzip
import io
import json
import random
import re
import sqlite3
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

BYTES_MAX = 256 << 10
"""A mutation never makes a file longer than this: speed matters more than size."""
_PLAIN_MAX = 1 << 20
_ZSTD = b"\x28\xb5\x2f\xfd"
_WIDTHS = (1, 2, 4, 8)
_NUMBERS = (0, 1, 2, 3, 4, 5, 15, 16, 17, 45, 127, 128, 255, 256, 257, 4_096, 65_535, 65_536, 2**20, 2**24)
_FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-45, 1e6, 1e30, 3.4e38, float("inf"), float("-inf"), float("nan"))
_TEXTS = (b"-1", b"0", b"1", b"2", b"255", b"257", b"65536", b"2147483647", b"2147483648", b"4294967295", b"4294967296",
          b"9223372036854775807", b"18446744073709551616", b"99999999999999999999", b"1e9", b"1e999", b"-1e999", b"nan",
          b"inf", b"0.5", b"1e-320", b"0x10", b"", b" ", b"9" * 5_000)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 4, 255, 256, 5_120, 5_126, 65_536, 2**31 - 1, 2**31, 2**32, 2**53, 2**63, 2**64,
    10**30, -(2**63), 0.5, -0.0, 1e-320, 1e20, 1e308, -1e308, float("nan"), float("inf"), "", "0", "a", "../x", "/x",
    "\\x", "C:\\x", "http://x/y", "data:application/octet-stream;base64,AAAA", "data:,%00", "\x00", "\x1b[2J", "\u202e",
    "\ud800", "x" * 10_000, [], {}, [[]], [0], [0, 0, 0], [0, 0, 0, 1], [1e308] * 3, [0] * 5_000,
)  # fmt: skip
_NAMES = ("../x", "/x", "\\x", "a/../b", "C:x", "a\x00b", "", "meta.json", "META.JSON", "x" * 300, "\x1b[2J", "x/")
_HEAD = 256

Mutation = Callable[[bytes, random.Random, Sequence[bytes]], bytes]


def mutated(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """The file after one to four mutations, most of them fit to what it is; `others` are files to take parts of."""
    for _ in range(min(1 + int(rng.expovariate(1.2)), 4)):
        fit = [change for knows, change in _CONTAINERS if knows(data)]
        chosen = rng.choice(fit) if fit and rng.random() < 0.7 else _bytes
        try:
            with warnings.catch_warnings(action="ignore"):  # of libraries, about what is broken on purpose
                data = chosen(data, rng, others)[:BYTES_MAX]
        except Exception:  # an earlier mutation left no container to look into
            data = _bytes(data, rng, others)[:BYTES_MAX]
    return data


# --- bytes


def _bytes(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    return rng.choice(_OF_BYTES)(data, rng, others)


def _place(data: bytes, rng: random.Random) -> int:
    """An offset, half of the time in the first bytes, where sizes stand."""
    return rng.randrange(max(len(data) if rng.random() < 0.5 else min(len(data), _HEAD), 1))


def _run(data: bytes, rng: random.Random) -> tuple[int, int]:
    start = _place(data, rng)
    return start, min(start + 2 ** rng.randrange(12), len(data))


def _truncated(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    return data[: _place(data, rng)]


def _extended(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    return data + rng.choice((b"\0", b"\xff", rng.randbytes(1))) * 2 ** rng.randrange(14)


def _flipped(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    broken = bytearray(data or b"\0")
    for _ in range(2 ** rng.randrange(4)):
        broken[_place(broken, rng)] ^= 1 << rng.randrange(8)
    return bytes(broken)


def _numbered(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Another number, whole or with a fraction, where one may stand."""
    width, order = rng.choice(_WIDTHS), rng.choice(("little", "little", "big"))
    if width >= 4 and rng.random() < 0.3:
        new = struct.pack("<f" if width == 4 else "<d", rng.choice(_FLOATS))
    else:
        top = 1 << 8 * width
        near = (len(data), top - 1, top // 2, top // 2 - 1, -1, rng.randrange(top), *_NUMBERS)
        new = (rng.choice(near) % top).to_bytes(width, order)
    at = _place(data, rng) // width * width
    return data[:at] + new + data[at + width :]


def _increased(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    width, at = rng.choice(_WIDTHS), _place(data, rng)
    value = int.from_bytes(data[at : at + width], "little") + rng.choice((-2, -1, 1, 2))
    return data[:at] + (value % (1 << 8 * width)).to_bytes(width, "little") + data[at + width :]


def _spliced(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others)
    return data[: _place(data, rng)] + other[_place(other, rng) :]


def _moved(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """A run taken out, doubled, or put elsewhere, also over what is there."""
    start, end = _run(data, rng)
    run, at = data[start:end], _place(data, rng)
    return rng.choice((
        data[:start] + data[end:],
        data[:end] + run * rng.choice((1, 2, 50)) + data[end:],
        data[:at] + run + data[at:],
        data[:at] + run + data[at + len(run) :],
        data[:start] + bytes(len(run)) + data[end:],
    ))  # fmt: skip


def _reworded(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """In texts and headers: another number, a word from elsewhere, a line twice."""
    numbers = list(re.finditer(rb"-?\d+(?:\.\d+)?(?:e-?\d+)?", data[: 16 << 10]))
    words = list(re.finditer(rb"[A-Za-z_][A-Za-z_0-9]*", data[: 16 << 10]))
    if numbers and (not words or rng.random() < 0.5):
        found, new = rng.choice(numbers), rng.choice((*_TEXTS, rng.choice(numbers)[0]))
    elif words:
        found, new = rng.choice(words), rng.choice(words)[0]
    else:
        return _flipped(data, rng, others)
    return data[: found.start()] + new + data[found.end() :]


def _relined(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(min(len(lines), 64))
    line = rng.choice((lines[at], rng.choice(lines[:64]), b"", lines[at] + b" 1", lines[at][: len(lines[at]) // 2]))
    return b"\n".join([*lines[:at], *[line] * rng.choice((0, 1, 2, 300)), *lines[at + rng.randrange(2) :]])


_OF_BYTES: tuple[Mutation, ...] = (
    _truncated, _extended, _flipped, _flipped, _numbered, _numbered, _numbered, _increased, _spliced, _moved, _reworded,
    _reworded, _relined,
)  # fmt: skip


# --- containers


def _in_gzip(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    plain = zlib.decompressobj(31).decompress(data, _PLAIN_MAX)
    return gzip.compress(_bytes(plain, rng, others), rng.choice((0, 1, 9)), mtime=0)


def _in_zstd(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """One frame of a file of several, packed anew; in an SPZ its size is put right in the table, most of the time."""
    import zstandard

    starts = [found.start() for found in re.finditer(re.escape(_ZSTD), data)]
    at = rng.choice(starts)
    end = min((start for start in starts if start > at), default=len(data))
    plain = zstandard.ZstdDecompressor().decompressobj().decompress(data[at:end])[:_PLAIN_MAX]
    packed = zstandard.ZstdCompressor(write_content_size=rng.random() < 0.5).compress(_bytes(plain, rng, others))
    head = data[:at]
    if data.startswith(b"NGSP") and rng.random() < 0.8:
        entry = int.from_bytes(data[16:20], "little") + 16 * starts.index(at)
        head = head[:entry] + struct.pack("<Q", len(packed)) + head[entry + 8 :]
    return head + packed + data[end:]


def _in_zip(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """A member changed, renamed, doubled or left out; or numbers of the directory."""
    if rng.random() < 0.2:
        at = data.rfind(b"PK\x01\x02" if rng.random() < 0.7 else b"PK\x05\x06")
        return data[:at] + _numbered(data[at:], rng, others)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()[:64]]
    at = rng.randrange(len(members))
    name, body = members[at]
    match rng.randrange(8):
        case 0:
            members[at] = rng.choice((*_NAMES, rng.choice(members)[0])), body
        case 1:
            members.insert(at, (name, rng.choice(others)))
        case 2:
            del members[at]
        case 3:
            members[at] = name, rng.choice(members)[1]
        case _:
            members[at] = name, mutated(body, rng, others)
    return _zipped(members, rng)


def _zipped(members: list[tuple[str, bytes]], rng: random.Random) -> bytes:
    file, kind = io.BytesIO(), rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, body in members:
            info = zipfile.ZipInfo("x", (1980, 1, 1, 0, 0, 0))
            info.filename, info.compress_type = name, kind
            archive.writestr(info, body)
    return file.getvalue()


def _in_webp(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """A sound picture of another size or with other values, or the same with numbers of its header changed."""
    from PIL import Image

    if rng.random() < 0.3:
        return _numbered(data[:40], rng, others) + data[40:]
    with Image.open(io.BytesIO(data), formats=["WEBP"]) as picture:
        width, height = picture.size
        if width * height > 1 << 16:
            return _bytes(data, rng, others)
        values = bytearray(picture.convert("RGBA").tobytes())
    for _ in range(rng.randrange(5)):
        values[rng.randrange(len(values))] = rng.choice((0, 255, 128, rng.randrange(256)))
    size = rng.choice(((width, height), (height, width), (width, height), (width * 2, height), (max(width // 2, 1), 1)))
    body = bytes(values[: 4 * size[0] * size[1]]).ljust(4 * size[0] * size[1], b"\1")
    file = io.BytesIO()
    Image.frombytes("RGBA", size, body).save(file, "WEBP", lossless=rng.random() < 0.9, exact=True, method=0)
    return file.getvalue()


def _in_glb(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Its JSON or its body changed, and the lengths put right."""
    length = int.from_bytes(data[12:16], "little")
    text, rest = data[20 : 20 + length], data[20 + length :]
    if rng.random() < 0.8:
        text = _in_json(text, rng, others)
        text += b" " * (-len(text) % 4)
    else:
        rest = rest[:8] + _bytes(rest[8:], rng, others)
    whole = struct.pack("<I4s", len(text), b"JSON") + text + rest
    return struct.pack("<4sII", b"glTF", 2, 12 + len(whole)) + whole


def _in_json(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    whole = {"root": json.loads(data)}
    places = _places(whole)
    holder, key = rng.choice(places)
    match rng.randrange(10):
        case 0 if holder is not whole:
            del holder[key]
        case 1:
            other, there = rng.choice(places)
            holder[key] = json.loads(json.dumps(other[there]))
        case 2 if isinstance(holder, list):
            holder[key:key] = [holder[key]] * rng.choice((1, 2, 300))
        case 3 if isinstance(holder, dict):
            holder[rng.choice(places)[1] if rng.random() < 0.5 else "x"] = holder[key]
        case 4:
            holder[key] = "DEEP"
        case 5 | 6 if type(holder[key]) in (int, float):
            holder[key] += rng.choice((-1, 1, 0.5, -1e6, 1e6))
        case _:
            holder[key] = rng.choice(_VALUES)
    text = json.dumps(whole["root"])
    if rng.random() < 0.1:  # a key twice
        text = re.sub(r'("\w+"): ', lambda found: f"{found[1]}: 0, {found[0]}", text, count=rng.randrange(1, 4))
    return text.replace('"DEEP"', "[" * 5_000 + "]" * 5_000).encode("utf-8", "surrogatepass")


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in some JSON that can hold another value, at most a few thousand."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting and len(found) < 4_000:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(min(len(holder), 40))
        found += [(holder, key) for key in keys]
        waiting += [holder[key] for key in keys if isinstance(holder[key], dict | list)]
    return found


def _in_sqlite(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """A cell of a table changed, JSON as JSON; rows doubled or left out."""
    db = sqlite3.connect(":memory:")
    try:
        db.deserialize(data)
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        table = rng.choice(tables)
        rows = [list(row) for row in db.execute(f'SELECT * FROM "{table}" LIMIT 64')]
        row = rng.choice(rows)
        before, at = row[0], rng.randrange(len(row))
        old = row[at]
        if isinstance(old, str) and old[:1] in "{[":
            row[at] = _in_json(old.encode(), rng, others).decode("utf-8", "replace")
        elif isinstance(old, bytes):
            row[at] = _bytes(old, rng, others)
        else:
            row[at] = rng.choice((None, 0, -1, 2**62, 1.5, "", "x" * 1_000, b"\xff", old))
        names = [found[1] for found in db.execute(f'PRAGMA table_info("{table}")')]
        if rng.random() < 0.9:
            db.execute(f'DELETE FROM "{table}" WHERE "{names[0]}" = ?', (before,))
        if rng.random() < 0.9:
            db.execute(f'INSERT OR REPLACE INTO "{table}" VALUES ({", ".join("?" * len(row))})', row)
        if rng.random() < 0.05:
            db.execute(rng.choice(("PRAGMA user_version = 9", "CREATE TABLE x (a)", "PRAGMA application_id = 1")))
        db.commit()
        return db.serialize()
    finally:
        db.close()


_CONTAINERS: tuple[tuple[Callable[[bytes], bool], Mutation], ...] = (
    (lambda data: data.startswith(b"\x1f\x8b"), _in_gzip),
    (lambda data: _ZSTD in data and not data.startswith(b"SQLite"), _in_zstd),
    (lambda data: data.startswith(b"PK"), _in_zip),
    (lambda data: data.startswith(b"RIFF"), _in_webp),
    (lambda data: data.startswith(b"glTF"), _in_glb),
    (lambda data: data.lstrip()[:1] in (b"{", b"["), _in_json),
    (lambda data: data.startswith(b"SQLite"), _in_sqlite),
    (lambda data: data[:4] in (b"ply\n", b"ply\r", b"#usd") or data[:2] in (b"# ", b"v ", b"o "), _reworded),
)  # fmt: skip
