"""Nothing in the current folder, which may hold anyone's pictures, is imported or configures."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.conftest import PICTURES, Patch

DIGITS = """
import sys
from digits.__main__ import main
sys.argv[0] = "digits"
main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a module of every name that a program may import, settings, and a `latex`."""
    folder = tmp_path_factory.mktemp("anyone's")
    packages = {name.partition("/")[0] for name in packages_distributions()}  # nvidia/cusparselt
    for name in packages | sys.stdlib_module_names:
        (folder / f"{name}.py").write_text("open('ran ' + __name__, 'w')")
    (folder / "matplotlibrc").write_text("text.usetex: True")
    (folder / "latex").write_text("#!/bin/sh\ntouch 'ran latex'; exit 1")
    (folder / "latex").chmod(0o755)
    rows = "".join(f"{path},{path.name[0]}\n" for path in PICTURES.glob("[0-9].*"))
    (folder / "table.csv").write_text(f"file,digit\n{rows}")
    shutil.copy(PICTURES / "7.jpg", folder)
    return folder


@pytest.mark.parametrize(
    ("command", "result"),
    [
        (["predict", *["7.jpg"] * 17, "--jobs", "2"], "7.jpg  7 "),  # both workers read
        (["eval", "digits", "table.csv", "--plot", "plots"], "accuracy"),
    ],
    ids=lambda value: str(value[0]),
)
def test_imports_nothing(folder: Path, command: list[str], result: str, monkeypatch: Patch) -> None:
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    # As its script does: its own folder isn't imported from.
    start = [sys.executable, "-P", "-c", DIGITS, *command]
    done = subprocess.run(start, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, result in done.stdout) == (0, True), done.stderr
    assert not list(folder.glob("ran *"))
