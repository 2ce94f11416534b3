"""Ask another package's recognizer: PP-OCR's, which reads any text, in the wheel of rapidocr."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference.interface import CROP_HEIGHT, SYMBOLS
from digits.inference.metadata import read_pairs
from digits.inference.model_file import ModelBytes, read_file
from digits.inference.session import Session

_PATTERN = "PP-OCRv*_rec_small.onnx"
_WAY_OUT = 'pip install "digits[ocr]"'
# The characters that each output stands for: a decimal comma is a point, and the last a blank.
_CHARACTERS: list[Sequence[str]] = [*SYMBOLS.removesuffix("."), ".,", [""]]
_FLOOR = 1e-6  # probability of a symbol that the network excludes


def read_second_opinion() -> ModelBytes:
    """Read the recognizer's file. Raises ModelError if it isn't installed."""
    package = find_spec("rapidocr")  # an import would take a second, for OpenCV
    if package is None:
        raise ModelError(f"a second opinion needs rapidocr: {_WAY_OUT}")
    folders = package.submodule_search_locations or ()
    files = [file for folder in folders for file in Path(folder, "models").glob(_PATTERN)]
    if not files:
        raise ModelError(f"the installed rapidocr has no models/{_PATTERN}: {_WAY_OUT}")
    return read_file(max(files))


class SecondOpinion:
    """PP-OCR's small recognizer, kept to SYMBOLS. Threads may share one.

    threads: how many cores a call may use; 0: all.

    Raises ModelError if rapidocr isn't installed, or its file is none that we know.
    """

    def __init__(self, threads: int = 1) -> None:
        self.name, content = read_second_opinion()
        self._threads = threads
        characters = read_pairs(content, self.name).get("character", "").splitlines()
        classes = ["", *characters, " "]
        self._session = Session(content, self.name, "float", threads)
        inputs, outputs = self._session.inputs, self._session.outputs
        sizes = [each.shape[1:3] for each in inputs], [each.shape[-1] for each in outputs]
        if sizes != ([[3, CROP_HEIGHT]], [len(classes)]) or not {*SYMBOLS, ","} <= {*classes}:
            raise ModelError(f"{self.name} is not PP-OCR's recognizer as we know it: {_WAY_OUT}")
        self._columns = [[classes.index(each) for each in names] for names in _CHARACTERS]
        self._input, self._output = inputs[0].name, outputs[0].name

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._threads,)

    def log_probabilities(self, crops: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Read crops, each of one number, one by one: batches aren't faster.

        crops: uint8 [48, width], grey as they are in the picture. Returns float32 [steps, 13] for
        each, at about every eight pixels of its width: the natural logarithms of the probabilities
        of `interface.SYMBOLS`, and last of a blank, as if there were no other characters. Raises
        ModelError if the network fails.
        """
        return [self._read(crop) for crop in crops]

    def _read(self, crop: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = crop.astype(np.float32) / 127.5 - 1
        images = np.broadcast_to(pixels, (1, 3, *pixels.shape))
        [[rows]] = self._session.run({self._input: images}, [self._output])
        kept = np.stack([rows[:, columns].sum(1) for columns in self._columns], 1) + _FLOOR
        return np.asarray(np.log(kept / kept.sum(1, keepdims=True)))
