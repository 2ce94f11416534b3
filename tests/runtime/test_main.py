"""How the command starts, and how Ctrl-C, an error or an unsupported machine ends it."""

import errno
import signal
import subprocess
import sys
from unittest.mock import Mock

import pytest

from digits import cli
from tests.conftest import Patch, Run

pytest.importorskip("fcntl", reason="needs unix")
resource = pytest.importorskip("resource", reason="needs unix")

START = "import os, signal, sys, time\nsys.argv[1:] = ['info']\n"
INTERRUPT = "os.kill(os.getpid(), signal.SIGINT)\n"


def run_code(code: str, on_sigint: signal.Handlers = signal.SIG_DFL) -> tuple[int, str]:
    """Run Python code. on_sigint: a shell's background jobs ignore Ctrl-C."""
    command = [sys.executable, "-c", START + code]
    done = subprocess.run(
        command,
        preexec_fn=lambda: signal.signal(signal.SIGINT, on_sigint),
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stderr


def test_sigint_during_import_exits_with_130() -> None:
    code = f"""
import importlib.abc
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, *_):
        if name == "onnxruntime":
            try:
                {INTERRUPT}
            except KeyboardInterrupt:
                raise ImportError("a bad install")
sys.meta_path.insert(0, Finder())
sys.argv[1:] = ["predict", "7.jpg"]
from digits.__main__ import main
main()
"""
    assert run_code(code) == (130, "stopped\n")


def test_sigint_while_working_exits_with_130() -> None:
    code = f"""
from threading import Thread
from digits import __main__, cli
def work(**_):
    Thread(target=time.sleep, args=(600,)).start()
    try:
        {INTERRUPT}
    finally:
        print("cleaned up", file=sys.stderr)
cli.run = work
__main__.main()
"""
    assert run_code(code) == (130, "cleaned up\nstopped\n")


def test_ignored_sigint_is_still_ignored() -> None:
    code = f"from digits import __main__\n{INTERRUPT}__main__.main()\n{INTERRUPT}"
    assert run_code(code, signal.SIG_IGN) == (0, "")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "out of memory"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a/b"), "a/b: No such file"),
        (ImportError("undefined symbol: x"), ""),  # a bad install
    ],
)
def test_error_is_one_line(run: Run, monkeypatch: Patch, error: Exception, sentence: str) -> None:
    monkeypatch.setattr(cli, "run", Mock(side_effect=error))
    if sentence:
        assert run("info") == (1, "", f"error: {sentence}\n")
    else:
        with pytest.raises(ImportError, match="undefined symbol: x"):
            run("info")


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_child_of_a_parent_that_has_ended_ends_at_once() -> None:
    done = run_python("from digits import system; system.die_with_parent(2**30); print('lives on')")
    assert (done.stdout, done.stderr) == ("", "")
