"""The bundled LeNet-5 without onnxruntime: in NumPy and in C on this machine, beside onnxruntime.

    python -m benchmarks ports

One thread. Start: the whole of `digits predict`, with onnxruntime and without. The C is compiled by
`cc -O2`. Chromium's time and a Cortex-M4's instructions are in tests/browser/test_html_export.py
and tests/e2e/test_ports.py, which need Chromium and QEMU.
"""

import ctypes
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.tables import ROOT
from benchmarks.timing import in_turn, parser, print_row, seconds
from digits.data import mnist
from digits.inference.model_file import BUNDLED
from digits.inference.numpy_engine import NumpySession
from digits.inference.session import Session
from digits_export.ports import make_ports

PICTURE = ROOT / "tests" / "pictures" / "0.png"
WITHOUT = "import sys; sys.modules['onnxruntime'] = None\n"
PREDICT = "import sys; from digits.__main__ import main; sys.argv[1:] = ['predict', {!r}]; main()"


def start(code: str) -> float:
    """Seconds of a process that reads a picture."""
    started = time.perf_counter()
    line = [sys.executable, "-c", code + PREDICT.format(str(PICTURE))]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def compiled(folder: Path) -> ctypes.CDLL:
    """The C as a library."""
    copy = Path(shutil.copy(BUNDLED, folder))
    for path, content in make_ports(copy, copy, ["c"]).files.items():
        path.write_bytes(content)
    library = folder / "lenet5.so"
    options = ("-std=c99", "-O2", "-shared", "-fPIC")
    subprocess.run(["cc", *options, "-o", library, folder / "lenet5.c"], check=True)
    return ctypes.CDLL(str(library))


def main() -> None:
    options = parser(__doc__, starts=12).parse_args()
    model, digit = Path(BUNDLED).read_bytes(), mnist.load("test").images[:1, None]
    numpy, reference = NumpySession(model, ""), Session(model, "", "float")
    with TemporaryDirectory() as folder:
        c, logits = compiled(Path(folder)), np.zeros(11, np.int32)
        pixels = np.ascontiguousarray(digit).ctypes.data_as(ctypes.c_void_p)
        answer = logits.ctypes.data_as(ctypes.c_void_p)
        times = seconds(
            {
                "onnxruntime": lambda: reference.run({"images": digit}, ["probabilities"]),
                "NumPy": lambda: numpy.run({"images": digit}, []),
                "C": lambda: c.lenet5_classify(pixels, answer),
            }
        )
    print_row("one digit", "µs")
    for name, each in times.items():
        print_row(name, 1e6 * each)
    starts = in_turn(
        {"onnxruntime": lambda: start(""), "NumPy": lambda: start(WITHOUT)}, options.starts
    )
    print_row("`digits predict`", "ms")
    for name, each_start in starts.items():
        print_row(name, 1e3 * float(np.median(each_start)))
