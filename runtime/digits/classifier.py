"""Picture in, digits out."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from digits.errors import PictureError
from digits.models.metadata import Kernels
from digits.models.model import Model
from digits.vision import ink, picture
from digits.vision.frame import frame
from digits.vision.picture import Picture, Source
from digits.vision.single import Found, find
from digits.vision.strokes import Box, Shape

# Of more groups than that on a page, fewer are sure at once only where it is a texture
# (measured on 30 of them: up to 9 %, where there are more than 700 groups).
_MANY, _SURE = 100, 0.1
_MOST_TO_SPLIT = 200  # unsure groups; of more, most are no touching digits either

# What the network saw of a digit, uint8 [28, 28], and what it said, float32 [10].
Look = tuple[NDArray[np.uint8], NDArray[np.float32]]

CROWDED = "no ink is found on it: nothing stands out from the noise"
SEVERAL = "it holds several digits: `digits read` reads them all"


@dataclass(frozen=True)
class Prediction:
    """What the network says of one digit.

    digit: 0 to 9, or None when the confidence is below the model's rejection threshold, or the
    picture plainly doesn't hold one digit. confidence: the largest of the ten probabilities (0 to
    1). probabilities: of 0, 1, … 9; they sum to 1. box: left, top, right, bottom of the digit in
    the picture's own pixels, upright. note: what a person should know of the picture, or empty.
    frame: what the network saw, uint8 [28, 28], 255 = ink; None where nothing was there to see.
    """

    digit: int | None
    confidence: float
    probabilities: tuple[float, ...]
    box: tuple[int, int, int, int]
    note: str = ""
    frame: NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)

    @property
    def likeliest(self) -> int:
        """The digit with the largest probability, sure or not."""
        return self.probabilities.index(self.confidence)


@dataclass(frozen=True)
class Reading:
    """The digits of a page: lines from top to bottom, in each its columns, in each its digits."""

    lines: tuple[tuple[tuple[Prediction, ...], ...], ...]

    @property
    def digits(self) -> tuple[Prediction, ...]:
        """All of them, in reading order."""
        return tuple(digit for line in self.lines for column in line for digit in column)

    @property
    def text(self) -> str:
        """A line of text for each line, `?` for a digit that isn't sure, two blanks for a gap."""
        return "\n".join(
            "  ".join(
                "".join("?" if digit.digit is None else str(digit.digit) for digit in column)
                for column in line
            )
            for line in self.lines
        )


class Classifier:
    """Reads pictures of handwritten digits. Threads may share one.

    model: an ONNX file that `digits export` made; by default $DIGITS_MODEL, or else the bundled
    LeNet-5. threads: how many cores one call may use. kernels: see Model. reject: whether an answer
    below the model's rejection threshold is none.

    Raises ModelError when the model can't be used.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        threads: int = 1,
        kernels: Kernels | None = None,
        reject: bool = True,
    ) -> None:
        self.model = Model(model, threads, kernels)
        self.threshold = self.model.metadata.rejection_threshold if reject else 0.0

    def predict(self, source: Source) -> Prediction:
        """Read the one digit in a picture.

        source: a path, bytes, a file object, a PIL image, or an array (see `picture.load`).
        A blank picture gets ten equal probabilities and a note, one that plainly holds several
        digits no digit and a note. Raises PictureError when the picture can't be opened.
        """
        return self.predict_batch([source])[0]

    def predict_batch(self, sources: Iterable[Source]) -> list[Prediction]:
        """Read the one digit in each picture, with one call of the network.

        Raises PictureError at the first picture that can't be opened.
        """
        loaded = [picture.load(source) for source in sources]
        found = [find(ink.extract(one.grey)) for one in loaded]
        shapes = [shape for one in found if isinstance(one, Found) for shape in one.shapes]
        looks = iter(self._look(shapes))
        return [
            self._one(whole, digit, [next(looks) for _ in digit.shapes])
            if isinstance(digit, Found)
            else Prediction(None, 0.1, (0.1,) * 10, (0, 0, *whole.size), digit)
            for whole, digit in zip(loaded, found, strict=True)
        ]

    def read(self, source: Source) -> Reading:
        """Read all the digits of a page, line by line.

        source: as for `predict`. Raises PictureError when the picture can't be opened or no digit
        is found on it.
        """
        from digits.vision import page  # which `predict` can do without

        loaded = picture.load(source, picture.PAGE_SIZE)
        own = ink.extract(loaded.grey)
        upright = page.upright(own)
        groups = upright.groups
        seen = self._look(groups)
        whole = _confidence(seen) >= self.model.metadata.rejection_threshold
        if not groups or (len(groups) > _MANY and whole.mean() < _SURE):
            raise PictureError(f"{loaded.name}: no digit is found on it")
        keep = whole if (~whole).sum() <= _MOST_TO_SPLIT else np.ones_like(whole)
        looks = dict(zip(map(id, groups), seen, strict=True))
        shapes = [
            shape
            for group, kept in zip(groups, keep, strict=True)
            for shape in ([group] if kept else self._apart(group, upright.height))
        ]
        parts = [shape for shape in shapes if id(shape) not in looks]
        looks |= zip(map(id, parts), self._look(parts), strict=True)

        def prediction(shape: Shape) -> Prediction:
            box = page.turned_back(shape.box, upright, own)
            return self._prediction(looks[id(shape)], loaded, box)

        return Reading(
            tuple(
                tuple(tuple(map(prediction, column)) for column in line)
                for line in page.lines(shapes, upright.height)
            )
        )

    def _one(self, loaded: Picture, found: Found, looks: list[Look]) -> Prediction:
        whole = self._prediction(looks[0], loaded, found.digit.box)
        if not self.threshold:
            return whole
        sure = [float(row.max()) >= self.threshold for _, row in looks]
        if found.crowded:
            # Of noise and textures the network isn't sure, of a page of digits it is.
            return replace(whole, digit=None, note=SEVERAL if sum(sure[1:]) > 1 else CROWDED)
        parts, others = sure[1 : 1 + len(found.parts)], sure[1 + len(found.parts) :]
        if (parts and all(parts) and not sure[0]) or sum(others) + sure[0] > 1:
            return replace(whole, digit=None, note=SEVERAL)
        return whole

    def _apart(self, group: Shape, height: float) -> list[Shape]:
        from digits.vision.split import split

        return split(group, height, lambda shapes: _confidence(self._look(shapes)))

    def _look(self, shapes: Sequence[Shape]) -> list[Look]:
        frames = [frame(shape.ink) for shape in shapes]
        if not frames:
            return []
        return list(zip(frames, self.model.probabilities(np.stack(frames)), strict=True))

    def _prediction(self, look: Look, loaded: Picture, box: Box) -> Prediction:
        seen, row = look
        probabilities = tuple(row.tolist())
        confidence = max(probabilities)
        digit = probabilities.index(confidence) if confidence >= self.threshold else None
        own = loaded.own_box(box.left, box.top, box.right, box.bottom)
        return Prediction(digit, confidence, probabilities, own, frame=seen)


def _confidence(looks: Sequence[Look]) -> NDArray[np.float32]:
    return np.array([row.max() for _, row in looks], np.float32)
