"""Files for devices without onnxruntime: C, and a page for browsers."""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.errors import ModelError
from digits.inference.interface import CLASSIFIER
from digits.inference.metadata import ClassifierMetadata
from digits.inference.model_file import ModelSource, load
from digits.inference.session import open_session
from digits_export.c_source import write_c
from digits_export.html_page import write_html
from digits_export.layers import Layer, compute, read_layers

_CARD = """
## C

`{c.name}.c` has tables of {c.flash:,} bytes, {c.ram:,} bytes of static memory and
{c.multiplications:,} multiplications a digit. Its logits are those of onnxruntime's integer
kernels; but means of pools are exact here, and float32 there.
"""
_PICTURES = 100  # of noise, and as many of blocks
_ROUNDING = 1e-4  # of probabilities, as floats are added in another order


class Ports(NamedTuple):
    """Files by their paths. card: what the model card says of them, in Markdown."""

    files: dict[Path, bytes]
    card: str


def make_ports(path: Path, model: ModelSource, ports: Collection[str]) -> Ports:
    """Make files beside an ONNX file of a classifier, and named like it.

    path: the ONNX file's. model: this file. ports: "c", "html", both or none. Raises ModelError if
    it is no classifier, or has what a port can't express.
    """
    if not ports:
        return Ports({}, "")
    file = load(model, ClassifierMetadata)
    name = path.name.removesuffix(".onnx").removesuffix(".int8")
    files, card = dict[Path, bytes](), ""
    layers = verified_layers(file.content, path.name)
    if "c" in ports:
        c = write_c(layers, name, file.sha256)
        files[path.with_name(f"{c.name}.h")] = c.header.encode()
        files[path.with_name(f"{c.name}.c")] = c.source.encode()
        card = _CARD.format(c=c)
    if "html" in ports:
        page = write_html(layers, name, file.metadata.rejection_threshold)
        files[path.with_name(f"{name}.html")] = page.encode()
    return Ports(files, card)


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
