"""Our speed beside the alternatives', all measured in this run, with one thread.

    make bench

One digit: a call from Python with the 28x28 pixels, median of five windows, the contestants in
turn; VGG-16 with random weights, which take as long. One picture: from file to digit, beside
Pillow's decoding it in full. Cold start: a whole process that reads one PNG with LeNet-5, median of
nine.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import torch
from PIL import Image
from tests.drawn import Sheet, chosen

from digits import Classifier, mnist
from digits.model import BUNDLED, Model, open_session
from digits_export import graph
from digits_export.quantize import quantize
from digits_train.models import VGG16, LeNet5

PICTURE = Path(__file__).parent.parent / "pictures" / "0.png"
WINDOWS, PROCESSES = 5, 9

MINIMAL = f"""
import numpy as np, onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession({BUNDLED!r}, providers=["CPUExecutionProvider"])
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


def microseconds(contestants: dict[str, Callable[[], object]], calls: int) -> dict[str, float]:
    """Median time of one call of each."""
    windows: dict[str, list[float]] = {name: [] for name in contestants}
    for window in range(WINDOWS + 1):
        for name, call in contestants.items():
            started = time.perf_counter()
            for _ in range(calls):
                call()
            if window:  # the first only warms up
                windows[name].append((time.perf_counter() - started) / calls * 1e6)
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
        print(f"  {name:44}{value:9.2f} {unit}   x {value / ours:.2f}")


def lenet5() -> dict[str, float]:
    pixels = np.zeros((1, 1, 28, 28), np.uint8)
    tensor = torch.tensor(pixels)
    network = LeNet5().eval()
    plain = open_session(graph.build(network).SerializeToString(), "float")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    integer = onnxruntime.InferenceSession(BUNDLED, options)
    model = Model(BUNDLED)
    with torch.inference_mode():
        return microseconds(
            {
                "digits, int8 file, float kernels": lambda: model.probabilities(pixels),
                "onnxruntime, fp32 file": lambda: plain.run(None, {"images": pixels}),
                "onnxruntime, int8 file, default options": lambda: integer.run(
                    None, {"images": pixels}
                ),
                "PyTorch, eager": lambda: network(tensor).softmax(1).numpy(),
            },
            calls=2000,
        )


def vgg16() -> dict[str, float]:
    pixels = mnist.load("validation").images[:32, None]
    network = VGG16().train()
    with torch.inference_mode():
        network(torch.tensor(pixels))  # some statistics for batch norm
        network.eval()
        exact = graph.build(network)
        rounded = quantize(exact, pixels).SerializeToString()
        plain = open_session(exact.SerializeToString(), "float")
        integer, floating = open_session(rounded, "integer"), open_session(rounded, "float")
        one, tensor = pixels[:1], torch.tensor(pixels[:1])
        return microseconds(
            {
                "digits, int8 file, integer kernels": lambda: integer.run(None, {"images": one}),
                "digits, int8 file, float kernels": lambda: floating.run(None, {"images": one}),
                "onnxruntime, fp32 file": lambda: plain.run(None, {"images": one}),
                "PyTorch, eager": lambda: network(tensor).softmax(1).numpy(),
            },
            calls=20,
        )


def photo(folder: Path) -> Path:
    """A JPEG of 12 megapixels, as noisy as a telephone's: a 3 on paper."""
    sheet = Sheet(750, 1000)
    sheet.write(chosen(mnist.load("validation"), "3"), 400, 200, size=350)
    large = Image.fromarray(sheet.photograph()).resize((4000, 3000), Image.Resampling.BICUBIC)
    pixels = np.asarray(large.convert("RGB"), np.float32)
    pixels += np.random.default_rng(0).normal(0, 4, pixels.shape)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / "photo.jpg", quality=90)
    return folder / "photo.jpg"


def pictures(path: Path, calls: int) -> dict[str, float]:
    classifier = Classifier(BUNDLED)

    def decode() -> None:
        with Image.open(path) as image:
            image.load()

    times = microseconds(
        {"digits, from the file to the digit": lambda: classifier.predict(path), "Pillow": decode},
        calls,
    )
    return {name: time / 1000 for name, time in times.items()}


def main() -> None:
    torch.set_num_threads(1)
    print(f"onnxruntime {onnxruntime.__version__}, torch {torch.__version__}, one thread")
    show("One digit, one call, LeNet-5", "us", lenet5())
    show("One digit, one call, VGG-16", "us", vgg16())
    with TemporaryDirectory() as folder:
        show("One picture, JPEG of 12 megapixels", "ms", pictures(photo(Path(folder)), 5))
        Image.fromarray(mnist.load("validation").images[0]).save(Path(folder) / "digit.png")
        show("One picture, PNG of 28x28", "ms", pictures(Path(folder) / "digit.png", 300))
    digits = str(Path(sys.executable).with_name("digits"))
    starts = milliseconds(
        {
            "digits predict 0.png": [digits, "predict", str(PICTURE)],
            "a script with onnxruntime and Pillow alone": [sys.executable, "-c", MINIMAL],
            "a script with PyTorch": [sys.executable, "-c", TORCH],
        }
    )
    show("Cold start, one picture", "ms", starts)


if __name__ == "__main__":
    main()
