"""Nothing in the current folder, which may hold anyone's pictures, is imported or configures."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.conftest import PICTURES

# `digits`; `bench` measures everything twice.
DIGITS = """
import sys
from digits.__main__ import main
from digits.commands import bench
bench.SECONDS = 0.0
sys.argv[0] = "digits"
main()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current folder with a module of every name that a program may import."""
    for name in {*sys.stdlib_module_names, *packages_distributions()}:
        (tmp_path / f"{name}.py").write_text("open('ran ' + __name__, 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    yield tmp_path
    assert not list(tmp_path.glob("ran *"))


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start `digits ARGUMENTS` as its script does: its own folder isn't imported from."""
    command = [sys.executable, "-P", "-c", DIGITS, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*arguments: object) -> str:
    """Run `digits ARGUMENTS`; returns stdout."""
    with start(*arguments) as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    return out


def test_workers_import_nothing(folder: Path) -> None:
    pictures = [PICTURES / "7.jpg"] * 17  # more than one worker reads at a time
    assert run("predict", *pictures, "--jobs", 2).count("7.jpg  7 ") == 17


def test_bench_imports_nothing(folder: Path) -> None:
    assert "cold_start" in run("bench")


@pytest.mark.unix
@pytest.mark.parametrize("command", ["watch . results.csv", "serve --port 0"])
def test_long_running_commands_import_nothing(folder: Path, command: str) -> None:
    shutil.copy(PICTURES / "7.jpg", folder)
    with start(*command.split()) as process:
        stream = process.stdout if "watch" in command else process.stderr
        assert stream is not None and stream.readline()  # its first result, or its address
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.mark.parametrize("settings", [b"\xff\xfe\0", b"text.usetex: True"])
def test_plots_obey_no_settings(
    folder: Path, monkeypatch: pytest.MonkeyPatch, settings: bytes
) -> None:
    (folder / "matplotlibrc").write_bytes(settings)
    (folder / "latex").write_text("#!/bin/sh\ntouch 'ran latex'; exit 1")
    (folder / "latex").chmod(0o755)
    rows = "".join(f"{path},{path.name[0]}\n" for path in PICTURES.glob("[0-9].*"))
    (folder / "table.csv").write_text(f"file,digit\n{rows}")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    run("eval", "--data", "table.csv", "--plot", "plots")
    assert sorted(os.listdir("plots")) == ["confusion.png", "mistakes.png"]


@pytest.mark.linux
def test_plots_work_in_a_deleted_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os; os.rmdir(os.getcwd()); from digits_train import plots"
    subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, check=True)
