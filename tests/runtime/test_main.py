"""How the command starts, and how Ctrl-C or an error ends it."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from digits import cli
from tests.conftest import Run

pytestmark = pytest.mark.unix  # Ctrl-C is a signal there

START = "import os, signal, sys, time\nsys.argv[1:] = ['info']\n"
INTERRUPT = "os.kill(os.getpid(), signal.SIGINT)\n"


def restore_sigint() -> None:
    """For preexec_fn: a shell's background jobs ignore Ctrl-C, and so would their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_code(code: str, before: Callable[[], object] = restore_sigint) -> tuple[int, str]:
    command = [sys.executable, "-c", START + code]
    done = subprocess.run(command, preexec_fn=before, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def test_sigint_during_import_exits_with_130() -> None:
    """NumPy and onnxruntime turn it into an ImportError with a long traceback."""
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
sys.argv[1:] = ["bench"]
from digits.__main__ import main
main()
"""
    assert run_code(code) == (130, "stopped\n")


def test_sigint_while_working_exits_with_130() -> None:
    """PyTorch aborts a process that exits normally while one of its threads computes."""
    code = f"""
from threading import Thread
from digits import __main__, cli
def work(**_):
    Thread(target=time.sleep, args=(600,)).start()
    try:
        {INTERRUPT}
    finally:
        print("cleaned up", file=sys.stderr)
cli.app = work
__main__.main()
"""
    assert run_code(code) == (130, "cleaned up\nstopped\n")


def test_ignored_sigint_is_still_ignored() -> None:
    code = f"from digits import __main__\n{INTERRUPT}__main__.main()\n{INTERRUPT}"
    assert run_code(code, lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) == (0, "")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "out of memory"),
        (ImportError("Failed to register library: std::bad_alloc"), "out of memory"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a/b"), "a/b: No such file"),
        (OSError("odd"), "odd"),
        (OSError(errno.EMFILE, "x", "a"), "a: too many files are open: raise `ulimit -n`"),
        (ImportError("undefined symbol: x"), ""),  # a bad install
    ],
)
def test_error_while_working_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    def work(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", work)
    if sentence:
        assert run("info") == (1, "", f"error: {sentence}\n")
    else:
        with pytest.raises(ImportError, match="undefined symbol: x"):
            run("info")


@pytest.mark.linux
def test_no_thread_spins_beside_the_one_that_reads(pictures: list[Path]) -> None:
    code = f"""
import os, sys
from contextlib import suppress
from digits.__main__ import main
sys.argv[1:] = ["predict", {str(pictures[7])!r}]
with suppress(SystemExit):
    main()
print(len(os.listdir("/proc/self/task")))
"""
    variables = {name: text for name, text in os.environ.items() if "_NUM_THREADS" not in name}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "2"  # with the watchdog, which sleeps
