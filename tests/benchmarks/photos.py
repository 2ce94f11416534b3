"""How well real pictures are read, beside a plain resize with the same network.

    python -m tests.benchmarks.photos [MODEL.onnx ...]

The pictures are other people's handwriting, in ../shared/photos beside the checkout; they are not
part of the project, and none of them trains anything. Unsure answers count by their most probable
digit.
"""

import csv
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tests.edits import edits

from digits import Classifier
from digits.models.model import BUNDLED

PHOTOS = Path(__file__).parent.parent.parent.parent / "shared" / "photos"


def rows(table: str) -> list[dict[str, str]]:
    with (PHOTOS / table).open() as file:
        return list(csv.DictReader(file))


def resized(path: Path) -> np.ndarray:
    """What most projects do: grey, 28x28, white paper made black. uint8 [28, 28]."""
    grey = ImageOps.exif_transpose(Image.open(path)).convert("L").resize((28, 28))
    pixels = np.asarray(grey)
    return 255 - pixels if np.median(pixels) > 127 else pixels


def measure_digits(classifier: Classifier) -> None:
    total, ours, plain, unsure = (Counter[str]() for _ in range(4))
    for row in rows("single.csv"):
        path = PHOTOS / row["file"]
        kind, label = path.name.split("_")[0], int(row["digit"])
        prediction = classifier.predict(path)
        total[kind] += 1
        ours[kind] += prediction.likeliest == label
        unsure[kind] += prediction.digit is None
        plain[kind] += classifier.model.probabilities(resized(path)[None]).argmax() == label
    print("kind     pictures   digits   (answered ?)   plain resize")
    for kind, count in total.items():
        print(
            f"{kind:8}{count:9}{ours[kind] / count:9.1%}{unsure[kind]:10}"
            f"{plain[kind] / count:19.1%}"
        )


def measure_pages(path: str) -> None:
    classifier = Classifier(path, reject=False)
    wrong = total = 0
    print("page                digits   wrong, missing or too many")
    for row in rows("lines.csv"):
        expected = "".join(filter(str.isdigit, row["digits"]))
        found = "".join(str(digit.digit) for digit in classifier.read(PHOTOS / row["file"]).digits)
        wrong, total = wrong + edits(found, expected), total + len(expected)
        name = Path(row["file"]).stem
        print(f"{name:16}{len(expected):9}{edits(found, expected):9}")
    print(f"character error rate {wrong / total:.1%}")


def main() -> None:
    if not PHOTOS.is_dir():
        sys.exit(f"the photos are not here ({PHOTOS})")
    for path in sys.argv[1:] or [BUNDLED]:
        print(f"\n{path}")
        measure_digits(Classifier(path))
        measure_pages(path)


if __name__ == "__main__":
    main()
