"""What the machine is, and what it lacks: one sentence instead of a riddle."""

import errno
import subprocess
import sys
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement

from digits import system
from digits.errors import DigitsError

SENTENCE = (
    "digits needs a 64-bit system: onnxruntime has no 32-bit Arm wheel"
    " (uname -m must say aarch64, and getconf LONG_BIT 64)"
)
SMALL = "import sys; sys.maxsize = 2**31 - 1"
ABSENT = "; sys.modules.update(dict.fromkeys(['numpy', 'onnxruntime', 'PIL']))"


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize("arguments", [["predict", "seven.png"], ["info"], ["--help"]])
def test_the_command_says_what_it_needs(arguments: list[str]) -> None:
    code = f"; sys.argv[1:] = {arguments}; from digits.__main__ import main; main()"
    done = python(SMALL + ABSENT + code)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {SENTENCE}\n")


def test_the_library_says_so_too() -> None:
    last = python(SMALL + ABSENT + "; import digits; digits.Classifier").stderr.splitlines()[-1]
    assert last == f"digits.errors.DigitsError: {SENTENCE}"


def test_an_onnxruntime_that_is_there_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)
    system.require_64_bit()


def test_a_64_bit_system_without_onnxruntime_is_told_no_such_thing() -> None:
    code = "import sys; sys.modules['onnxruntime'] = None; import digits; digits.Classifier"
    assert "import of onnxruntime halted" in python(code).stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("machine", "needed"),
    [
        *((machine, {"typer"}) for machine in ("armv6l", "armv7l", "armv8l")),
        *(
            (machine, {"numpy", "onnxruntime", "pillow", "typer"})
            for machine in ("aarch64", "x86_64", "arm64", "AMD64", "ARM64")
        ),
    ],
)
def test_pip_leaves_out_what_32_bit_arm_has_no_wheels_for(machine: str, needed: set[str]) -> None:
    environment = {"platform_machine": machine, "extra": ""}
    found = {
        requirement.name
        for requirement in map(Requirement, requires("digits") or ())
        if requirement.marker is None or requirement.marker.evaluate(environment)
    }
    assert found == needed


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_too_many_files_are_found_in_the_cause(number: int) -> None:
    cause = OSError(number, "Too many open files")
    error = DigitsError("can't open a.png")
    assert system.too_many_files(error) == ""
    error.__cause__ = cause
    assert system.too_many_files(error) == system.too_many_files(cause) != ""
    assert system.too_many_files(OSError(errno.ENOENT, "No such file")) == ""
