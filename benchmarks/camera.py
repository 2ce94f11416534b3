"""How `predict` reads generated pictures of one digit, of several and of none.

    python -m benchmarks.camera [--pictures N] [MODEL.onnx]

The pictures are those on which the judge's weights are fitted (digits_train/camera/single.py), with
other seeds and the other half of MNIST's validation digits. An answer counts by its most probable
digit, refused or not.
"""

import argparse
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from digits import Classifier
from digits.data import mnist
from digits.data.mnist import Split
from digits.evaluation.statistics import Calibration
from digits.prediction import Prediction
from digits.terminal import track
from digits_train.camera import FITTED
from digits_train.camera.materials import make_materials
from digits_train.camera.single import KINDS, Single
from digits_train.camera.window import Materials
from digits_train.raster import ink_box

_SEED, _GLYPHS, _TEXTS = 30, 4_000, 4_000
_HEIGHTS = ("under 20 pixels", "20 to 99 pixels", "100 pixels or more")
_GROUPS = ("all", *_HEIGHTS, "light on dark", "at the edge")


class Answer(NamedTuple):
    """A picture and what `predict` says."""

    shown: Single
    said: Prediction

    @property
    def right(self) -> bool:
        return self.said.top1 == self.shown.label

    def groups(self) -> Iterator[str]:
        """What the digit is among, by its height in pixels, its polarity and its place."""
        pixels, _, ink = self.shown
        rows, columns = ink_box(ink)
        height = rows.stop - rows.start
        yield "all"
        yield _HEIGHTS[(height >= 20) + (height >= 100)]
        if ink.any() and np.median(pixels[ink]) > np.median(pixels):
            yield "light on dark"
        down, across = ink.shape
        if 0 in (rows.start, columns.start) or rows.stop == down or columns.stop == across:
            yield "at the edge"


def materials() -> Materials:
    validation = mnist.load("validation")
    half = Split(validation.images[FITTED:], validation.labels[FITTED:])
    return make_materials(half, _SEED, _GLYPHS, _TEXTS)


def pictures(kind: str, count: int, written: Materials) -> Iterator[Single]:
    """Random pictures of a kind of KINDS, always the same."""
    for number in range(count):
        random = np.random.default_rng([_SEED, zlib.crc32(kind.encode()), number])
        yield KINDS[kind](random, written)


def figures(answers: Sequence[Answer]) -> tuple[float, float, float, float]:
    """Percentages: right, `?`, sure and wrong, and the expected calibration error of 15 bins."""
    right = np.array([answer.right for answer in answers])
    sure = np.array([answer.said.digit is not None for answer in answers])
    error = Calibration([answer.said.confidence for answer in answers], right).error
    shares = right.mean(), (~sure).mean(), (sure & ~right).mean(), error
    first, second, third, last = (100 * float(share) for share in shares)
    return first, second, third, last


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", help="an ONNX file; by default the bundled one")
    parser.add_argument("--pictures", type=int, default=2000, help="of digits, and of others")
    options = parser.parse_args()
    classifier, written, count = Classifier(options.model), materials(), options.pictures
    answers = {
        kind: [
            Answer(shown, classifier.predict(shown.pixels))
            for shown in track(pictures(kind, count, written), count, kind)
        ]
        for kind in KINDS
    }
    groups: dict[str, list[Answer]] = {name: [] for name in _GROUPS}
    for answer in answers["digit"]:
        for name in answer.groups():
            groups[name].append(answer)
    print(f"{'digits':20} pictures   right       ?   sure and wrong   calibration error")
    for name, group in groups.items():
        if group:
            right, unsure, wrong, error = figures(group)
            cells = f"{right:8.2f}{unsure:8.2f}{wrong:17.2f}{error:20.2f}"
            print(f"{name:20}{len(group):9}{cells}")
    for kind in list(KINDS)[1:]:
        said = [answer.said for answer in answers[kind]]
        refused = 100 * float(np.mean([prediction.digit is None for prediction in said]))
        as_several = 100 * float(np.mean([prediction.status == "several" for prediction in said]))
        print(f"{kind:20}{len(said):9}{'':8}{refused:8.2f}   (several: {as_several:.2f})")


if __name__ == "__main__":
    main()
