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
    code = "import interrupts\nfrom digits.__main__ import main\nmain()"
    assert run(code, tmp_path) == (130, "stopped\n")


def test_sigint_while_working_cleans_up(tmp_path: Path) -> None:
    code = f"""
from digits import __main__, cli
def work(**_):
    try:
        {INTERRUPT.strip()}
    finally:
        print("cleaned up", file=sys.stderr)
cli.app = work
__main__.main()
"""
    assert run(code, tmp_path) == (130, "cleaned up\nstopped\n")


def test_sigint_does_not_wait_for_threads(tmp_path: Path) -> None:
    """PyTorch aborts a process that exits normally while one of its threads computes."""
    code = f"""
import threading, time
from digits import __main__, cli
def work(**_):
    threading.Thread(target=time.sleep, args=(600,)).start()
    {INTERRUPT.strip()}
cli.app = work
__main__.main()
"""
    assert run(code, tmp_path) == (130, "stopped\n")


def test_ignored_sigint_is_still_ignored(tmp_path: Path) -> None:
    code = f"from digits import __main__\n{INTERRUPT}__main__.main()\n{INTERRUPT}"
    ignoring = run(code, tmp_path, lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    assert ignoring == (0, "")
