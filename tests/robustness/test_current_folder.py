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

pytestmark = pytest.mark.slow

# `digits`; `bench` measures everything twice.
DIGITS = """
import sys
from digits.__main__ import main
from digits.commands import bench
bench.SECONDS = 0.0
sys.argv[0] = "digits"
main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a module of every name that a program may import, settings, and a `latex`."""
    folder = tmp_path_factory.mktemp("anyone's")
    for name in {*sys.stdlib_module_names, *packages_distributions()}:
        (folder / f"{name}.py").write_text("open('ran ' + __name__, 'w')")
    (folder / "matplotlibrc").write_text("text.usetex: True")
    (folder / "latex").write_text("#!/bin/sh\ntouch 'ran latex'; exit 1")
    (folder / "latex").chmod(0o755)
    rows = "".join(f"{path},{path.name[0]}\n" for path in PICTURES.glob("[0-9].*"))
    (folder / "table.csv").write_text(f"file,digit\n{rows}")
    shutil.copy(PICTURES / "7.jpg", folder)
    return folder


@pytest.fixture(autouse=True)
def in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    yield
    assert not list(folder.glob("ran *"))


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start `digits ARGUMENTS` as its script does: its own folder isn't imported from."""
    command = [sys.executable, "-P", "-c", DIGITS, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("command", "result"),
    [
        # More than one worker reads at a time.
        (["predict", *[PICTURES / "7.jpg"] * 17, "--jobs", 2], "7.jpg  7 "),
        (["bench"], "cold_start"),
        (["eval", "--data", "table.csv", "--plot", "plots"], "accuracy"),
    ],
    ids=lambda value: str(value[0]),
)
def test_nothing_is_imported(command: list[object], result: str) -> None:
    with start(*command) as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    assert result in out
    if "plots" in command:
        assert sorted(os.listdir("plots")) == ["confusion.png", "mistakes.png"]


@pytest.mark.unix
@pytest.mark.parametrize("command", ["watch . results.csv", "serve --port 0"])
def test_long_running_commands_import_nothing(command: str) -> None:
    with start(*command.split()) as process:
        stream = process.stdout if "watch" in command else process.stderr
        assert stream is not None and stream.readline()  # its first result, or its address
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.mark.linux
def test_plots_work_in_a_deleted_folder(tmp_path: Path) -> None:
    code = "import os; os.rmdir(os.getcwd()); from digits_train import plots"
    subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, check=True)
