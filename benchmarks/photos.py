"""Accuracy on real pictures, compared with a plain resize and the same network.

    python -m benchmarks.photos [MODEL.onnx ...]

The pictures show other people's handwriting, in ../shared/photos next to the checkout; they aren't
part of the project, and nothing is trained on them. Unsure answers count by their most probable
digit. benchmarks/reader.py measures the pages.
"""

import csv
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from digits import Classifier
from digits.inference.model_file import BUNDLED

PHOTOS = Path(__file__).parents[2] / "shared" / "photos"


def rows(table: str) -> list[dict[str, str]]:
    with (PHOTOS / table).open() as file:
        return list(csv.DictReader(file))


def resized(
    image: Image.Image, resample: Image.Resampling = Image.Resampling.BICUBIC
) -> NDArray[np.uint8]:
    """Resize as most projects do: to greyscale, with dark paper, uint8 [28, 28]."""
    pixels = np.asarray(image.convert("L").resize((28, 28), resample))
    return 255 - pixels if np.median(pixels) > 127 else pixels


def measure_digits(classifier: Classifier) -> None:
    total, ours, plain, unsure = (Counter[str]() for _ in range(4))
    for row in rows("single.csv"):
        path = PHOTOS / row["file"]
        kind, label = path.name.split("_")[0], int(row["digit"])
        prediction = classifier.predict(path)
        total[kind] += 1
        ours[kind] += prediction.top1 == label
        unsure[kind] += prediction.digit is None
        pixels = resized(ImageOps.exif_transpose(Image.open(path)))
        plain[kind] += classifier.model.probabilities(pixels[None]).argmax() == label
    print("kind     pictures   digits   (answered ?)   plain resize")
    for kind, count in total.items():
        print(
            f"{kind:8}{count:9}{ours[kind] / count:9.1%}{unsure[kind]:10}"
            f"{plain[kind] / count:19.1%}"
        )


def main() -> None:
    if not PHOTOS.is_dir():
        sys.exit(f"the photos are not here ({PHOTOS})")
    for path in sys.argv[1:] or [BUNDLED]:
        print(f"\n{path}")
        measure_digits(Classifier(path))


if __name__ == "__main__":
    main()
