"""The scripts that set themselves up, and the pages that say how to use all this."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ("demo", "test", "make_gallery", "python", "bench", "wheel", "gpu_check")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/environment.py for a copy of the project's outline in a folder of its own."""
    (tmp_path / "scripts").mkdir()
    for name in ("pyproject.toml", "constraints.txt", "scripts/environment.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("splatworld/a.py", "viewer/b.py", "cuda_ext/c.cpp"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("one")
    spec = importlib.util.spec_from_file_location("environment", tmp_path / "scripts" / "environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, cwd="/", env={**os.environ, **environment})


@pytest.mark.parametrize("name", [*(f"scripts/{name}" for name in SCRIPTS), ".ci/run"])
def test_scripts_can_be_run_as_they_are(name: str) -> None:
    script = ROOT / name
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/bin/sh\n")
    assert run("sh", "-n", script).returncode == 0


def test_the_demo_says_what_it_takes() -> None:
    found = run(ROOT / "scripts" / "demo", "--help")
    assert found.returncode == 0, found.stderr
    for option in ("--no-view", "--seed", "--splats", "sentence"):
        assert option in found.stdout
    assert run(ROOT / "scripts" / "demo", "--splats", "many").returncode == 2


def test_no_python_that_is_new_enough_is_a_sentence(tmp_path: Path) -> None:
    for name in ("python", "python3", "python3.11", "python3.12", "python3.13"):
        old = tmp_path / name
        old.write_text("#!/bin/sh\nexit 1\n")
        old.chmod(0o755)
    dirname = shutil.which("dirname")
    assert dirname is not None
    (tmp_path / "dirname").symlink_to(dirname)
    found = run("/bin/sh", ROOT / "scripts" / "demo", "--help", PATH=str(tmp_path), PYTHON="")
    assert found.returncode == 1
    assert found.stderr.startswith("splatworld needs Python 3.11 or newer")
    assert found.stdout == ""


def test_an_editable_installation_is_renewed_when_it_must(environment: ModuleType) -> None:
    seen = [environment._fingerprint()]
    changes = {
        "pyproject.toml": "[project]\n",
        "constraints.txt": "torch==1\n",
        "cuda_ext/c.cpp": "two",
        "splatworld/new.py": "",
        "viewer/new.js": "",
    }
    for name, text in changes.items():
        (environment.ROOT / name).write_text(text)
        seen.append(environment._fingerprint())
    assert len(set(seen)) == len(seen)
    (environment.ROOT / "splatworld" / "a.py").write_text("changed Python is seen at once")
    (environment.ROOT / "splatworld" / "__pycache__").mkdir()
    (environment.ROOT / "splatworld" / "__pycache__" / "a.pyc").write_text("")
    assert environment._fingerprint() == seen[-1]


def test_a_complete_installation_is_left_alone(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPLATWORLD_PURE", raising=False)
    environment.BIN.mkdir(parents=True)
    environment.PYTHON.symlink_to(sys.executable)
    pure = environment.no_compiler() is not None
    cuda = environment._for_cuda()
    stamp = {"extras": ["app", "dev"], "sources": environment._fingerprint(), "pure": pure, "cuda": cuda}
    environment.STAMP.write_text(json.dumps(stamp))
    monkeypatch.setattr(environment, "_install", lambda *a, **k: pytest.fail("nothing was to be installed"))
    assert environment.ready(["app"]) == environment.PYTHON
    environment.STAMP.write_text("{ damaged")
    with pytest.raises(pytest.fail.Exception):
        environment.ready(["app"])


def test_why_the_kernels_are_left_out_is_said(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.delenv("SPLATWORLD_PURE", raising=False)
    environment.BIN.mkdir(parents=True)
    environment.PYTHON.symlink_to(sys.executable)
    asked = []
    monkeypatch.setattr(environment, "_pip", lambda what, **env: not asked.append((what, env)))
    environment.ready(["app"])
    assert "no C++ compiler here" in capsys.readouterr().err
    assert asked[-1][1] == {"SPLATWORLD_PURE": "1"}
    assert json.loads(environment.STAMP.read_text())["pure"] is True


def test_everything_that_is_required_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *extras["viewer"],
        *extras["dev"],
    ]
    names = {re.split(r"[<>=;\[ ]", line)[0] for line in wanted if "!= 'linux'" not in line}
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in lines), lines
    assert names - {line.split("==")[0] for line in lines} == set()
    assert "torch==2.13.0" in lines


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    pictures = ROOT / "docs" / "gallery"
    for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
        target = (page.parent / link).resolve()
        if "://" not in link and target.parent != pictures:  # the pictures are made by scripts/make_gallery
            assert target.exists(), link


def test_the_readme_names_every_class() -> None:
    from splatworld.generate.procedural.catalogue import classes

    words = (ROOT / "README.md").read_text().replace("\n", " ")
    missing = [name for name in classes() if not re.search(rf"\b{name.replace('_', ' ')}\b", words)]
    assert missing == []


def test_the_readme_names_every_verb() -> None:
    readme = (ROOT / "README.md").read_text()
    verbs = [p.stem for p in (ROOT / "splatworld" / "cli").glob("*.py") if "def run" in p.read_text()]
    assert [verb for verb in verbs if f"splatworld {verb} " not in readme] == []
