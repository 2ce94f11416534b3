"""Accuracy on digits of 8x8 pixels, compared with a plain resize and the same network.

    python -m benchmarks.optdigits [MODEL.onnx ...]

The 1,797 digits that scikit-learn ships: the test half of UCI's "Optical Recognition of
Handwritten Digits" (E. Alpaydin, C. Kaynak, 1998), by 13 writers on whom no network is trained.
Unsure answers count by their most probable digit.
"""

import sys

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from benchmarks.photos import resized
from digits import Classifier
from digits.inference.model_file import BUNDLED

WHITE = 16  # the greatest of scikit-learn's values

Bytes = NDArray[np.uint8]


def load() -> tuple[Bytes, Bytes]:
    """Load pictures, uint8 [1797, 8, 8], 255 = ink, and labels, uint8 [1797]."""
    images, labels = load_digits().images, load_digits().target
    return np.round(images * 255 / WHITE).astype(np.uint8), labels.astype(np.uint8)


def main() -> None:
    pictures, labels = load()
    large = np.stack([resized(Image.fromarray(x), Image.Resampling.BILINEAR) for x in pictures])
    print(f"{len(labels):,} pictures{'digits':>14}   (answered ?)   plain resize")
    for path in sys.argv[1:] or [BUNDLED]:
        classifier = Classifier(path)
        predictions = classifier.predict_batch(pictures)
        ours = np.mean([prediction.top1 for prediction in predictions] == labels)
        unsure = np.mean([prediction.digit is None for prediction in predictions])
        plain = np.mean(classifier.model.probabilities(large).argmax(1) == labels)
        print(f"{path}\n{ours:28.2%}{unsure:15.2%}{plain:15.2%}")


if __name__ == "__main__":
    main()
