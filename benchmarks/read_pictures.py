"""Read the pictures that arrive on stdin, as an own process: of this checkout or an earlier one.

    PYTHONPATH=CHECKOUT/runtime python benchmarks/read_pictures.py THREADS [READER.onnx]

Each picture is its shape, as a line of JSON, and its uint8 pixels; with one number as its shape it
is a file's bytes. Each answer is a line of JSON,
[characters, seconds]: of each character itself if its number is accepted, else `?`; itself; and its
confidence.
"""

import json
import math
import sys
import time
from typing import Any

import numpy as np

from digits import Classifier
from digits.errors import PictureError


def characters(reading: Any) -> list[tuple[str, str, float]]:
    """In reading order; commit 3c78d8d knows digits alone."""
    if hasattr(reading, "numbers"):
        best = [
            ("0123456789-."[int(np.argmax(symbol.probabilities))], symbol.confidence, number.status)
            for number in reading.numbers
            for symbol in number.symbols
        ]
        return [(text if status == "accepted" else "?", text, p) for text, p, status in best]
    return [
        ("?" if symbol.digit is None else str(symbol.digit), str(symbol.top1), symbol.confidence)
        for symbol in reading.digits
    ]


def main() -> None:
    options: dict[str, Any] = {"reader": sys.argv[2]} if len(sys.argv) > 2 else {}
    classifier = Classifier(threads=int(sys.argv[1]), **options)
    for header in sys.stdin.buffer:
        shape = json.loads(header)
        raw = sys.stdin.buffer.read(math.prod(shape))
        image = np.frombuffer(raw, np.uint8).reshape(shape) if len(shape) > 1 else raw
        start = time.perf_counter()
        try:
            symbols = characters(classifier.read(image))
        except PictureError:
            symbols = []
        print(json.dumps([symbols, time.perf_counter() - start]), flush=True)


if __name__ == "__main__":
    main()
