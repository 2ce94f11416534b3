"""What is in a model file: its graph, its weights and what it says about itself."""

import hashlib
import os
from dataclasses import dataclass

from digits.inference.metadata import Metadata
from digits.inference.model import load


@dataclass(frozen=True)
class Info:
    """What `digits info` shows. The file is intact, or there would be an error instead."""

    file: str
    bytes: int
    sha256: str  # of the whole file
    ir_version: int
    opsets: dict[str, int]  # domain: version
    producer: str
    input: str  # name, type and shape, as the next
    output: str
    operators: dict[str, int]  # how many nodes of each type, in the order of the graph
    numbers: dict[str, int]  # stored, of each type: weights, biases, scales, zero points
    metadata: Metadata


def inspect(path: str | os.PathLike[str] | None = None, sha256: str | None = None) -> Info:
    """Look into a model, without running it; by default $DIGITS_MODEL, or else the bundled one.

    sha256: as of `Model`. Raises ModelError when the file is missing, damaged, not ours, or not the
    one that is accepted.
    """
    file = load(path, sha256)
    graph = file.graph
    return Info(
        file=file.name,
        bytes=len(file.content),
        sha256=hashlib.sha256(file.content).hexdigest(),
        ir_version=graph.ir_version,
        opsets={"ai.onnx": graph.opset},
        producer=graph.producer,
        input=graph.input,
        output=graph.output,
        operators=graph.operators,
        numbers=graph.numbers,
        metadata=file.metadata,
    )
