"""Files for devices without onnxruntime: C, a page for browsers, and what both must compute."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference.interface import CLASSIFIER
from digits.inference.metadata import ClassifierMetadata
from digits.inference.model_file import ModelSource, load
from digits.inference.session import open_session
from digits_export.c_source import write_c
from digits_export.html_page import write_html
from digits_export.layers import Layer, compute, read_layers
from digits_train.data import mnist

_CARD = """
## C

`{c.name}.c` has tables of {c.flash:,} bytes, {c.ram:,} bytes of static memory and
{c.multiplications:,} multiplications a digit. Its logits are those of onnxruntime's integer
kernels; but means of pools are exact here, and float32 there.
"""
_DIGITS = 100  # of the validation set in the vectors; two more images are blank and full
_ROUNDING = 1e-4  # of probabilities, as floats are added in another order
_FLOATS = 1  # ONNX's name of float32


class Ports(NamedTuple):
    """Files by their paths. card: what the model card says of them, in Markdown."""

    files: dict[Path, bytes]
    card: str


def make_ports(path: Path, model: ModelSource, ports: Collection[str]) -> Ports:
    """Make files beside an ONNX file of a classifier, and named like it.

    path: the ONNX file's. model: this file. ports: "c", "html" and "vectors", or some of them.
    Raises ModelError if it is no classifier, or has what a port can't express.
    """
    if not ports:
        return Ports({}, "")
    file = load(model, ClassifierMetadata)
    name = path.name.removesuffix(".onnx").removesuffix(".int8")
    files, card = dict[Path, bytes](), ""
    layers = [] if {*ports} == {"vectors"} else verified_layers(file.content, path.name)
    if "c" in ports:
        c = write_c(layers, name, file.sha256)
        files[path.with_name(f"{c.name}.h")] = c.header.encode()
        files[path.with_name(f"{c.name}.c")] = c.source.encode()
        card = _CARD.format(c=c)
    if "html" in ports:
        page = write_html(layers, name, file.metadata.rejection_threshold)
        files[path.with_name(f"{name}.html")] = page.encode()
    if "vectors" in ports:
        files[path.with_name(f"{name}.vectors.json")] = _vectors(file.content, file.sha256)
    return Ports(files, card)


def verified_layers(model: bytes, name: str) -> list[Layer]:
    """The layers of a file. Raises ModelError unless they compute what onnxruntime does."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (_DIGITS, 1, 28, 28), np.uint8)
    blocks = random.integers(0, 2, (_DIGITS, 1, 7, 7), np.uint8).repeat(4, 2).repeat(4, 3)
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


def _vectors(model: bytes, sha256: str) -> bytes:
    """Inputs and outputs, as JSON: of float kernels, and the logits of integer ones.

    images: 28 rows of 28 pixels. probabilities: a port's are within 1e-5. logits: those of an int8
    file are exact, but for the precision in which a port gives them.
    """
    validation = mnist.load("validation")
    images = np.concatenate(
        [validation.images[:_DIGITS], np.full((2, 28, 28), [[[0]], [[255]]], np.uint8)]
    )
    inputs = {CLASSIFIER.input.name: images[:, None]}
    [probabilities] = open_session(model, "float").run(None, inputs)
    values = {
        "sha256": sha256,
        "images": images.tolist(),
        "probabilities": probabilities.tolist(),
        "logits": integer_logits(model, images).tolist(),
    }
    return json.dumps(values).encode()


def integer_logits(model: bytes, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the last softmax reads, by onnxruntime's integer kernels: float32 [n, classes]."""
    graph = onnx.load_from_string(model)
    nodes = graph.graph.node
    ends = [index for index, node in enumerate(nodes) if node.op_type == "Softmax"]
    if not ends:
        raise ModelError("the network ends without a softmax")
    logits = nodes[ends[-1]].input[0]
    del nodes[ends[-1] :], graph.graph.output[:]
    graph.graph.output.append(onnx.helper.make_tensor_value_info(logits, _FLOATS, None))
    session = open_session(graph.SerializeToString(), "integer")
    values: NDArray[np.float32] = session.run(None, {CLASSIFIER.input.name: images[:, None]})[0]
    return values
