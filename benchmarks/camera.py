"""How `predict` reads generated pictures of one digit, of several and of none.

    python -m benchmarks.camera [--pictures N] [MODEL.onnx]

The pictures are those on which the judge's weights are fitted (digits_train/camera/single.py), with
other seeds and the other half of MNIST's validation digits. An answer counts by its most probable
digit, refused or not.
"""

import argparse
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.held_back import half
from benchmarks.timing import print_row
from digits import Classifier
from digits.evaluation.statistics import Calibration
from digits.prediction import Prediction
from digits.terminal import track
from digits_train.camera.materials import Materials, make_materials
from digits_train.camera.single import KINDS, Single
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


def pictures(kind: str, count: int, written: Materials) -> Iterator[Single]:
    """Random pictures of a kind of KINDS, always the same."""
    for number in range(count):
        random = np.random.default_rng([_SEED, zlib.crc32(kind.encode()), number])
        yield KINDS[kind](random, written)


def figures(answers: Sequence[Answer]) -> list[float]:
    """Percentages: right, `?`, sure and wrong, and the expected calibration error of 15 bins."""
    right = np.array([answer.right for answer in answers])
    sure = np.array([answer.said.digit is not None for answer in answers])
    error = Calibration([answer.said.confidence for answer in answers], right).error
    shares = right.mean(), (~sure).mean(), (sure & ~right).mean(), error
    return [100 * float(share) for share in shares]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", help="an ONNX file; by default the bundled one")
    parser.add_argument("--pictures", type=int, default=2000, help="of digits, and of others")
    options = parser.parse_args()
    classifier, count = Classifier(options.model), options.pictures
    written = make_materials(half(), _SEED, _GLYPHS, _TEXTS)
    answers = {
        kind: [
            Answer(shown, classifier.predict(shown.pixels))
            for shown in track(pictures(kind, count, written), count, kind)
        ]
        for kind in KINDS
    }
    groups = defaultdict[str, list[Answer]](list)
    for answer in answers["digit"]:
        for name in answer.groups():
            groups[name].append(answer)
    print_row("digits", "pictures", "right", "?", "sure, wrong", "calibration")
    for name in filter(groups.get, _GROUPS):
        print_row(name, len(groups[name]), *figures(groups[name]))
    print_row("", "pictures", "?", "several")
    for kind in list(KINDS)[1:]:
        said = [answer.said for answer in answers[kind]]
        refused = [prediction.digit is None for prediction in said]
        several = [prediction.status == "several" for prediction in said]
        print_row(kind, len(said), *(100 * float(np.mean(share)) for share in (refused, several)))


if __name__ == "__main__":
    main()
