"""Read the pictures that arrive on stdin, as an own process: of this checkout or an earlier one.

    PYTHONPATH=CHECKOUT/runtime python benchmarks/read_pictures.py THREADS [READER.onnx]

Each picture is its shape, as a line of JSON, and its uint8 pixels; with one number as its shape it
is a file's bytes. Each answer is a line of JSON, [symbols, seconds]: of each symbol whether its
number is accepted, itself, its confidence and its box.
"""

import json
import math
import sys
import time
from typing import Any

import numpy as np

from digits import Classifier
from digits.errors import PictureError


def main() -> None:
    options: dict[str, Any] = {"reader": sys.argv[2]} if len(sys.argv) > 2 else {}
    classifier = Classifier(threads=int(sys.argv[1]), **options)
    for header in sys.stdin.buffer:
        shape = json.loads(header)
        raw = sys.stdin.buffer.read(math.prod(shape))
        image = np.frombuffer(raw, np.uint8).reshape(shape) if len(shape) > 1 else raw
        start = time.perf_counter()
        try:
            numbers = classifier.read(image).numbers
        except PictureError:
            numbers = ()
        seconds = time.perf_counter() - start
        symbols = [
            (number.status == "accepted", best, symbol.confidence, symbol.box)
            for number in numbers
            for symbol in number.symbols
            for best in "0123456789-."[int(np.argmax(symbol.probabilities))]
        ]
        print(json.dumps([symbols, seconds]), flush=True)


if __name__ == "__main__":
    main()
