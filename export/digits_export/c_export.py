"""A classifier as C, for devices without onnxruntime."""

from pathlib import Path

import numpy as np

from digits.errors import ModelError
from digits.inference.interface import CLASSIFIER
from digits.inference.metadata import ClassifierMetadata
from digits.inference.model_file import ModelSource, load
from digits.inference.session import open_session
from digits_export.c_source import write_c
from digits_export.layers import Layer, compute, read_layers

_PICTURES = 100  # of noise, and as many of blocks
_ROUNDING = 1e-4  # of probabilities, as floats are added in another order


def make_c(path: Path, model: ModelSource) -> dict[Path, bytes]:
    """Make the header and the source of an int8 classifier, beside its ONNX file.

    path: the ONNX file's, after which they are named. model: this file. Raises ModelError if it is
    no int8 classifier, or has what C can't express.
    """
    file = load(model, ClassifierMetadata)
    name = path.name.removesuffix(".onnx").removesuffix(".int8")
    c = write_c(verified_layers(file.content, path.name), name, file.sha256)
    return {
        path.with_name(f"{c.name}.h"): c.header.encode(),
        path.with_name(f"{c.name}.c"): c.source.encode(),
    }


def verified_layers(model: bytes, name: str) -> list[Layer]:
    """The layers of a file. Raises ModelError unless they compute what onnxruntime does."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (_PICTURES, 1, 28, 28), np.uint8)
    blocks = random.integers(0, 2, (_PICTURES, 1, 7, 7), np.uint8).repeat(4, 2).repeat(4, 3)
    pixels = np.concatenate([noise, 255 * blocks])  # the blocks are ink and paper, as digits are
    [expected] = open_session(model, "float").run(None, {CLASSIFIER.input.name: pixels})
    try:
        layers = read_layers(model, name)
        actual = compute(layers, pixels)
        is_same = actual.shape == expected.shape and np.allclose(actual, expected, 0, _ROUNDING)
    except (LookupError, ValueError, TypeError, ArithmeticError, RuntimeError):
        is_same = False  # a layer doesn't fit the one before
    if not is_same:
        raise ModelError(f"{name}: what only onnxruntime computes can't be written")
    return layers
