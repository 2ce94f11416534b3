"""The bundled network as C, compiled for this machine and for emulated ones."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from digits.data.split import Split
from digits.inference.model_file import BUNDLED
from digits_export.c_export import make_c
from tests.onnx_files import integer_logits

C_FILES = Path(__file__).parents[1] / "c"
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
CORTEX_M4 = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft", "-nostdlib", "-ffreestanding")
CLASSES, PRECISION = 11, 2.0**-16
TICK = 40  # instructions: with -icount shift=0, one takes a nanosecond

pytestmark = [pytest.mark.slow, pytest.mark.unix]


def build(compiler: str, folder: Path, *arguments: str | Path) -> Path:
    """Compile lenet5.c and more; skips if the compiler is missing."""
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    line = [compiler, *STRICT, "-O2", "-I", folder, *arguments, folder / "lenet5.c"]
    subprocess.run([*line, "-o", folder / "program"], check=True)
    return folder / "program"


def logits(command: Sequence[str | Path], images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What tests/c/host.c writes; the digit is that of the largest logit, or -1 for none."""
    done = subprocess.run(command, input=images.tobytes(), capture_output=True, check=True)
    answers = np.frombuffer(done.stdout, "<i4").reshape(-1, 1 + CLASSES)
    best = answers[:, 1:].argmax(1)
    np.testing.assert_array_equal(answers[:, 0], np.where(best < 10, best, -1))
    return answers[:, 1:] * PRECISION


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bundled network as C."""
    copy = Path(shutil.copy(BUNDLED, tmp_path_factory.mktemp("c")))
    for path, content in make_c(copy, copy).items():
        path.write_bytes(content)
    return copy.parent


@pytest.fixture
def digits(test_slice: Split) -> NDArray[np.uint8]:
    """Some, and a blank and a full picture."""
    blank_and_full = np.full((2, 28, 28), [[[0]], [[255]]], np.uint8)
    return np.concatenate([test_slice.images[:100], blank_and_full])


def check(actual: NDArray[np.float64], images: NDArray[np.uint8]) -> None:
    expected = integer_logits(Path(BUNDLED).read_bytes(), images)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=PRECISION)


def test_c_has_onnxruntime_s_logits_for_all_test_digits(folder: Path, full_test_set: Split) -> None:
    program = build("cc", folder, C_FILES / "host.c")
    check(logits([program], full_test_set.images), full_test_set.images)


def test_c_on_armv6(folder: Path, digits: NDArray[np.uint8]) -> None:
    arm = "-march=armv6", "-marm", "-static", C_FILES / "host.c"
    program = build("arm-linux-gnueabi-gcc", folder, *arm)
    check(logits(["qemu-arm", program], digits), digits)


def test_c_on_a_cortex_m4(folder: Path, digits: NDArray[np.uint8]) -> None:
    """Without an operating system, a library, or floating point."""
    rows = (f"{{{','.join(map(str, image.ravel()))}}}" for image in digits)
    declaration = "#include <stdint.h>\nstatic const uint8_t images[IMAGES][784]"
    count = f"#define IMAGES {len(digits)}\n"
    (folder / "images.h").write_text(f"{count}{declaration} = {{{','.join(rows)}}};\n")
    board = (
        C_FILES / "cortex_m4.c",
        "-T",
        C_FILES / "cortex_m4.ld",
        "-Wno-pedantic",
        "-Wno-conversion",
    )
    program = build("arm-none-eabi-gcc", folder, *CORTEX_M4, *board)  # nothing else is linked
    machine = "qemu-system-arm -M mps2-an386 -nographic -icount shift=0"
    machine += " -semihosting-config enable=on,target=native -kernel"
    done = subprocess.run([*machine.split(), program], capture_output=True, text=True, timeout=300)
    numbers = re.findall(r"^-?\d+$", done.stdout + done.stderr, re.MULTILINE)
    ticks, *columns = np.array(numbers, int).reshape(-1, 1 + CLASSES).T
    check(np.array(columns).T * PRECISION, digits)
    assert 1e6 < TICK * ticks.mean() < 1e7  # 3.3 million
