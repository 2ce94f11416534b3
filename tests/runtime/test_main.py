"""How the command starts, and how Ctrl-C ends it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.unix  # Ctrl-C is a signal there

INTERRUPT = "import os, signal; os.kill(os.getpid(), signal.SIGINT)\n"
WORK = """
import os, signal, time
from functools import partial
from threading import Thread
from digits import __main__, cli
kill = partial(os.kill, os.getpid(), signal.SIGINT)
def work(**_):
  {}
cli.app = work
__main__.main()
"""


def restore_sigint() -> None:
    """For preexec_fn: a shell's background jobs ignore Ctrl-C, and so would their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(code: str, cwd: Path, before: Callable[[], object] = restore_sigint) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv[1:] = ['info']\n{code}"],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": f"{cwd}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        preexec_fn=before,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("module", ["onnxruntime", "digits.inference.model_file"])
def test_sigint_during_import_exits_with_130(tmp_path: Path, module: str) -> None:
    """NumPy and onnxruntime turn it into an ImportError with a long traceback."""
    (tmp_path / "interrupts.py").write_text(
        f"import sys\nclass Finder:\n  def find_spec(self, name, *_):\n"
        f"    if name == {module!r}:\n"
        f"      try:\n        {INTERRUPT.strip()}\n"
        f"      except KeyboardInterrupt: raise ImportError('a bad install')\n"
        f"sys.meta_path.insert(0, Finder())\n"
    )
    code = "import interrupts\nfrom digits.__main__ import main\nsys.argv[1:] = ['bench']\nmain()"
    assert run(code, tmp_path) == (130, "stopped\n")


OUT_OF_MEMORY = "error: out of memory\n"


@pytest.mark.parametrize(
    ("work", "code", "error"),
    [
        (
            "try: kill()\n  finally: print('cleaned up', file=sys.stderr)",
            130,
            "cleaned up\nstopped\n",
        ),
        # PyTorch aborts a process that exits normally while one of its threads computes.
        ("Thread(target=time.sleep, args=(600,)).start(); kill()", 130, "stopped\n"),
        ("raise MemoryError()", 1, OUT_OF_MEMORY),
        ("raise ImportError('Failed to register library: std::bad_alloc')", 1, OUT_OF_MEMORY),
        ("open('missing/file')", 1, "error: missing/file: No such file or directory\n"),
    ],
)
def test_error_while_working_is_one_line(tmp_path: Path, work: str, code: int, error: str) -> None:
    assert run(WORK.format(work), tmp_path) == (code, error)


def test_import_error_of_a_bad_install_has_a_traceback(tmp_path: Path) -> None:
    status, err = run(WORK.format("raise ImportError('undefined symbol: x')"), tmp_path)
    assert status == 1 and err.startswith("Traceback") and "undefined symbol: x" in err


def test_ignored_sigint_is_still_ignored(tmp_path: Path) -> None:
    code = f"from digits import __main__\n{INTERRUPT}__main__.main()\n{INTERRUPT}"
    ignoring = run(code, tmp_path, lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    assert ignoring == (0, "")


@pytest.mark.linux
def test_no_thread_spins_beside_the_one_that_reads(pictures: list[Path]) -> None:
    code = """
import os
from contextlib import suppress
from digits.__main__ import main
with suppress(SystemExit):
    main()
print(len(os.listdir("/proc/self/task")))
"""
    variables = {name: text for name, text in os.environ.items() if "_NUM_THREADS" not in name}
    command = [sys.executable, "-c", code, "predict", str(pictures[7])]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "2"  # with the watchdog, which sleeps
