"""Unsupported machines and exhausted limits give a plain message."""

import builtins
import ctypes
import errno
import os
import signal
import subprocess
import sys
from unittest.mock import Mock

import pytest

from digits import system
from digits.errors import DigitsError

pytest.importorskip("fcntl", reason="needs unix")
resource = pytest.importorskip("resource", reason="needs unix")

NO_32_BIT = (
    "digits needs a 64-bit system: onnxruntime has no 32-bit Arm wheel"
    " (uname -m must say aarch64, and getconf LONG_BIT 64)"
)
ON_32_BIT = (
    "import sys; sys.maxsize = 2**31 - 1;"
    " sys.modules.update(dict.fromkeys(['numpy', 'onnxruntime', 'PIL']))"
)


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("code", "prefix"),
    [
        ("sys.argv[1:] = ['--help']; from digits.__main__ import main; main()", "error"),
        ("import digits; digits.Classifier", "digits.errors.DigitsError"),
    ],
)
def test_32_bit_system_is_named(code: str, prefix: str) -> None:
    done = run_python(f"{ON_32_BIT}; {code}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == f"{prefix}: {NO_32_BIT}"


def test_too_many_files_is_found_in_the_cause() -> None:
    error = DigitsError("can't open a.png")
    for code, reason in (
        (errno.EMFILE, "too many files are open: raise `ulimit -n`"),
        (errno.ENOENT, ""),
    ):
        error.__cause__ = OSError(code, "any text")
        assert system.too_many_files(error) == reason


def test_what_other_systems_lack_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with monkeypatch.context() as patch:
        patch.delattr(signal, "pthread_sigmask")
        patch.delattr(os, "sched_getaffinity", raising=False)
        patch.setitem(sys.modules, "resource", None)
        with system.sigint_blocked():
            assert system.cpu_count() == os.cpu_count()
            assert system.raise_file_limit(64_000) == 64_000
            patch.undo()
            assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == blocked
    for error in (AttributeError, TypeError):  # on macOS; on Windows
        monkeypatch.setattr(ctypes, "CDLL", Mock(side_effect=error))
        system.die_with_parent()
    monkeypatch.setattr(builtins, "open", Mock(side_effect=FileNotFoundError))
    before = resource.getrlimit(resource.RLIMIT_DATA)
    system.limit_memory(0)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert system.peak_memory() is None


def test_child_of_a_parent_that_has_ended_ends_at_once() -> None:
    done = run_python("from digits import system; system.die_with_parent(2**30); print('lives on')")
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(
    ("soft", "hard", "most", "allowed"),
    [
        (256, resource.RLIM_INFINITY, 10**6, 64_000),
        (256, 1000, 10**6, 1000),
        (100_000, 100_000, 10**6, 100_000),
        (256, resource.RLIM_INFINITY, 24_576, 256),  # macOS: kern.maxfilesperproc
    ],
)
def test_raise_file_limit_as_far_as_allowed(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, most: int, allowed: int
) -> None:
    now = [(soft, hard)]

    def limit(which: int, to: tuple[int, int]) -> None:
        if to[0] > most:
            raise ValueError("current limit exceeds maximum limit")
        now.append(to)

    monkeypatch.setattr(resource, "getrlimit", lambda which: now[-1])
    monkeypatch.setattr(resource, "setrlimit", limit)
    assert system.raise_file_limit(64_000) == allowed
    assert now[-1] == (allowed, hard)
