"""Our speed beside the alternatives', all measured in this run, with one thread.

    make bench

One digit: a call from Python with the 28x28 pixels, median over five windows, the contestants in
turn. Cold start: a whole process that reads one PNG, median of nine. Both networks are LeNet-5.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from digits.model import BUNDLED, Model
from digits_export import graph
from digits_train.models import LeNet5

PICTURE = Path(__file__).parent.parent / "pictures" / "0.png"
WINDOWS, CALLS, PROCESSES = 5, 2000, 9

MINIMAL = f"""
import numpy as np, onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession({str(BUNDLED)!r}, providers=["CPUExecutionProvider"])
pixels = np.asarray(Image.open({str(PICTURE)!r}).convert("L"))[None, None]
print(session.run(None, {{"images": pixels}})[0].argmax())
"""
TORCH = f"""
import numpy as np, torch
from PIL import Image
from digits_train.models import LeNet5
torch.set_num_threads(1)
pixels = np.asarray(Image.open({str(PICTURE)!r}).convert("L"))[None, None]
with torch.inference_mode():
    print(LeNet5().eval()(torch.tensor(pixels)).argmax().item())
"""


def microseconds(contestants: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median time of one call of each."""
    windows: dict[str, list[float]] = {name: [] for name in contestants}
    for window in range(WINDOWS + 1):
        for name, call in contestants.items():
            started = time.perf_counter()
            for _ in range(CALLS):
                call()
            if window:  # the first only warms up
                windows[name].append((time.perf_counter() - started) / CALLS * 1e6)
    return {name: statistics.median(times) for name, times in windows.items()}


def milliseconds(commands: dict[str, list[str]]) -> dict[str, float]:
    """Median time of a whole process of each."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(PROCESSES):
        for name, command in commands.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times[name].append((time.perf_counter() - started) * 1e3)
    return {name: statistics.median(values) for name, values in times.items()}


def show(title: str, unit: str, results: dict[str, float]) -> None:
    ours = next(iter(results.values()))
    print(f"\n{title}")
    for name, value in results.items():
        print(f"  {name:44}{value:9.1f} {unit}   x {value / ours:.2f}")


def main() -> None:
    torch.set_num_threads(1)
    pixels = np.zeros((1, 1, 28, 28), np.uint8)
    tensor = torch.tensor(pixels)
    network = LeNet5().eval()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        fp32 = Path(folder) / "fp32.onnx"
        fp32.write_bytes(graph.build(network).SerializeToString())
        plain = onnxruntime.InferenceSession(str(fp32), options)
        integer = onnxruntime.InferenceSession(str(BUNDLED), options)
    model = Model(BUNDLED)
    with torch.inference_mode():
        calls = microseconds(
            {
                "digits, int8 file, float kernels": lambda: model.probabilities(pixels),
                "onnxruntime, fp32 file": lambda: plain.run(None, {"images": pixels}),
                "onnxruntime, int8 file, default options": lambda: integer.run(
                    None, {"images": pixels}
                ),
                "PyTorch, eager": lambda: network(tensor).softmax(1).numpy(),
            }
        )
    digits = str(Path(sys.executable).with_name("digits"))
    starts = milliseconds(
        {
            "digits predict 0.png": [digits, "predict", str(PICTURE)],
            "a script with onnxruntime and Pillow alone": [sys.executable, "-c", MINIMAL],
            "a script with PyTorch": [sys.executable, "-c", TORCH],
        }
    )
    print(f"onnxruntime {onnxruntime.__version__}, torch {torch.__version__}, one thread")
    show("One digit, one call", "us", calls)
    show("Cold start, one picture", "ms", starts)


if __name__ == "__main__":
    main()
