"""How many real pictures are read, beside a plain resize with the same network.

    python tests/benchmarks/photos.py [MODEL.onnx ...]

The pictures are other people's handwriting, in ../shared/photos beside the checkout; they are not
part of the project, and none of them trains anything.
"""

import csv
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from digits import Classifier
from digits.errors import PictureError
from digits.model import BUNDLED

PHOTOS = Path(__file__).parent.parent.parent.parent / "shared" / "photos"


def resized(path: Path) -> np.ndarray:
    """What most projects do: grey, 28x28, white paper made black. uint8 [28, 28]."""
    grey = ImageOps.exif_transpose(Image.open(path)).convert("L").resize((28, 28))
    pixels = np.asarray(grey)
    return 255 - pixels if np.median(pixels) > 127 else pixels


def measure(classifier: Classifier) -> None:
    total, ours, plain, unsure = (Counter[str]() for _ in range(4))
    with (PHOTOS / "single.csv").open() as table:
        for row in csv.DictReader(table):
            path = PHOTOS / row["file"]
            kind, label = path.name.split("_")[0], int(row["digit"])
            total[kind] += 1
            plain[kind] += classifier.model.probabilities(resized(path)[None]).argmax() == label
            try:
                prediction = classifier.predict(path)
            except PictureError:
                continue
            unsure[kind] += prediction.digit is None
            ours[kind] += int(np.argmax(prediction.probabilities)) == label
    print(f"\n{classifier.model.path}")
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
        measure(Classifier(path))


if __name__ == "__main__":
    main()
