"""Unsupported machines and exhausted limits give a plain message."""

import builtins
import ctypes
import errno
import os
import signal
import subprocess
import sys
from importlib.metadata import requires
from unittest.mock import Mock

import pytest
from packaging.requirements import Requirement

from digits import system
from digits.errors import DigitsError

pytest.importorskip("fcntl", reason="needs unix")
resource = pytest.importorskip("resource", reason="needs unix")

NO_32_BIT = (
    "digits needs a 64-bit system: onnxruntime has no 32-bit Arm wheel"
    " (uname -m must say aarch64, and getconf LONG_BIT 64)"
)
MACHINES = "aarch64", "x86_64", "arm64", "AMD64", "ARM64"
AS_32_BIT = "import sys; sys.maxsize = 2**31 - 1"
WITHOUT_WHEELS = "; sys.modules.update(dict.fromkeys(['numpy', 'onnxruntime', 'PIL']))"


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
    done = run_python(f"{AS_32_BIT}{WITHOUT_WHEELS}; {code}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == f"{prefix}: {NO_32_BIT}"


def test_onnxruntime_is_used_on_32_bit_and_required_on_64(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "maxsize", 2**31 - 1)
        system.require_64_bit()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    system.require_64_bit()  # the import fails, and says what is wrong


@pytest.mark.parametrize(
    ("machine", "needed"),
    [
        *((machine, {"typer"}) for machine in ("armv6l", "armv8l")),
        *((machine, {"numpy", "onnxruntime", "pillow", "typer"}) for machine in MACHINES),
    ],
)
def test_requirements_on_32_bit_arm_have_wheels(machine: str, needed: set[str]) -> None:
    environment = {"platform_machine": machine, "extra": ""}
    required = {
        requirement.name
        for requirement in map(Requirement, requires("digits") or ())
        if requirement.marker is None or requirement.marker.evaluate(environment)
    }
    assert required == needed


def test_too_many_files_is_found_in_the_cause() -> None:
    cause = OSError(errno.EMFILE, "Too many open files")
    error = DigitsError("can't open a.png")
    assert system.too_many_files(error) == ""
    error.__cause__ = cause
    assert system.too_many_files(error) == system.too_many_files(cause) != ""
    assert system.too_many_files(OSError(errno.ENOENT, "No such file")) == ""


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


def test_child_of_a_parent_that_has_ended_ends_at_once() -> None:
    done = run_python("from digits import system; system.die_with_parent(2**30); print('lives on')")
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("error", [AttributeError, TypeError])
def test_missing_c_functions_are_ignored(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """macOS lacks them, and Windows can't open its C library."""
    monkeypatch.setattr(ctypes, "CDLL", Mock(side_effect=error))
    system.die_with_parent()


def test_missing_process_status_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    monkeypatch.setattr(builtins, "open", Mock(side_effect=FileNotFoundError))
    system.limit_memory(0)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert system.peak_memory() is None


@pytest.mark.linux
def test_peak_memory_is_in_bytes() -> None:
    done = run_python(
        "from digits.system import peak_memory; x = b'1' * 10**8; print(peak_memory())"
    )
    assert 1e8 < int(done.stdout) < 2e8


@pytest.mark.parametrize(
    ("soft", "hard", "most", "allowed"),
    [
        (256, resource.RLIM_INFINITY, 10**6, 64_000),
        (256, 1000, 10**6, 1000),
        (256, 256, 256, 256),
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
