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
SCRIPTS = ("demo", "test", "make_gallery", "python", "bench", "wheel", "gpu_check", "format_matrix")
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


def test_a_gpu_that_cannot_be_compiled_for_costs_no_kernels_of_the_cpu(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.BIN.mkdir(parents=True)
    environment.PYTHON.symlink_to(sys.executable)
    asked: list[tuple[str, str]] = []

    def pip(what: list[str], SPLATWORLD_PURE: str = "") -> bool:
        asked.append((" ".join(what), SPLATWORLD_PURE))
        environment.LOG.write_text("CMake Error")
        return "SW_CUDA=ON" not in asked[-1][0]

    monkeypatch.setattr(environment, "_pip", pip)
    monkeypatch.setattr(environment, "no_compiler", lambda: None)
    monkeypatch.setattr(environment, "_for_cuda", lambda: ["SW_CUDA=ON", "SW_CUDA_ARCHITECTURES=native"])
    environment.ready(["app"])
    assert "compiling for the GPU failed" in capsys.readouterr().err
    assert [("SW_CUDA=OFF" in what, pure) for what, pure in asked[1:]] == [(False, ""), (True, "")]


def test_a_check_of_the_gpu_says_that_there_is_none(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'torch sees no GPU' >&2\nexit 1\n")
    python.chmod(0o755)
    found = run(ROOT / "scripts" / "gpu_check", "--python", python)
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr == "gpu_check: there is no GPU to check with (torch sees no GPU); nothing was run\n"


def test_aims_are_judged_by_rows_of_the_bench() -> None:
    program = """
import gpu_aims, json, sys
print(*gpu_aims.judged(json.loads(sys.argv[1])), sep="\\n")
"""
    rows = [
        {"scene": "garden 5x5", "mode": "forward", "backend": "cuda", "ms": 0.5},
        {"scene": "garden 5x5", "mode": "forward", "backend": "gsplat", "ms": 2.0},
        {"scene": "garden 5x5", "mode": "forward", "backend": "gsplat-packed", "ms": 1.4},
        {"scene": "trained 1M made", "mode": "step", "backend": "cuda", "ms": 3.5},
        {"scene": "trained 1M made", "mode": "backward", "backend": "cuda", "no": "cut"},
    ]
    found = run(sys.executable, "-c", program, json.dumps(rows), PYTHONPATH=str(ROOT / "scripts"))
    results = [line.split()[-1] for line in found.stdout.replace("not run", "-").splitlines()]
    assert results == ["reached", "MISSED", "-", "-", "-", "MISSED", "-", "-"], found.stdout


def test_the_bench_measures_a_scene() -> None:
    program = ROOT / "scripts" / "bench_render.py"
    found = run(sys.executable, program, "one", "reference", "--sizes", "16p", "--modes", "forward,backward,step")
    assert found.returncode == 0, found.stderr
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    assert [(row["mode"], row["splats"]) for row in rows] == [("forward", 1), ("backward", 1), ("step", 1)]
    assert all(0 < row["best_ms"] <= row["ms"] for row in rows)


def test_rows_of_the_bench_are_compared_with_the_same_picture() -> None:
    program = """
import bench_plan
known = bench_plan.Known()
for row in ({"backend": "baseline", "size": "1080p", "ms": 20.0, "cpu_ms": 40.0, "threads": 2},
            {"backend": "baseline", "size": "1080p", "ms": 36.0, "cpu_ms": 36.0, "threads": 1},
            {"backend": "cpu", "size": "1080p", "ms": 10.0, "cpu_ms": 10.0, "threads": 2},
            {"backend": "cpu", "size": "4K", "ms": 10.0, "cpu_ms": 10.0, "threads": 2}):
    found = known.compared({"scene": "scan", "mode": "forward", **row})
print([found.get(name) for name in ("of_baseline", "cpu_of_baseline")])
found = known.compared({"scene": "scan", "mode": "forward", "backend": "cpu", "size": "1080p", "ms": 5.0, "threads": 2})
print([found.get(name) for name in ("of_baseline", "of_gsplat")])
"""
    found = run(sys.executable, "-c", program, PYTHONPATH=str(ROOT / "scripts"))
    assert found.stdout.splitlines() == ["[None, None]", "[0.25, None]"], found.stderr


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
