"""Follow the shapes of a graph's tensors, and bound the memory and the time that they take."""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from digits.errors import ModelError
from digits.inference.interface import Interface, Size
from digits.inference.operators import BATCH, Operator, Result, Shape

MAX_RANK = 4
MAX_WEIGHTS = 1 << 26  # VGG-16, our largest network, has 15 million


class Node(NamedTuple):
    """A node. read, written: names of tensors."""

    title: str
    operator: Operator
    attributes: dict[str, list[int]]
    read: list[str]
    written: list[str]


class Stored(NamedTuple):
    """The stored tensors. contents: of those that may be another tensor's shape or scales."""

    shapes: dict[str, Shape]
    contents: dict[str, Shape]


def follow(
    interface: Interface, size: Size, stored: Stored, nodes: Sequence[Node], name: str
) -> tuple[int, int]:
    """Compute all shapes for one size of the input. Returns the values in all activations, and the
    number of products.

    name: what errors call the file. Raises ModelError if shapes don't fit or take too much.
    """
    tensors = _Tensors(size, stored, name)
    tensors.add(interface.input.name, (BATCH, *interface.input.sized(size.lengths)))
    for title, shape in stored.shapes.items():
        tensors.add(title, shape)
    last_use = {title: index for index, node in enumerate(nodes) for title in node.read}
    last_use |= {output.name: len(nodes) for output in interface.outputs}
    for index, node in enumerate(nodes):
        tensors.compute(node)
        for title in {*node.read, *node.written}:
            if last_use.get(title, index) == index:
                tensors.live -= tensors.activation(title)
    for output in interface.outputs:
        if tensors.shapes.get(output.name) != (BATCH, *output.sized(size.lengths)):
            raise ModelError(f"{name} doesn't output {output.name} of shape {output.shape}")
    return tensors.values, tensors.products


class _Tensors:
    """The shapes of a graph's tensors by name, and their total cost.

    live: values of activations that later nodes read.
    """

    def __init__(self, size: Size, stored: Stored, name: str) -> None:
        self._size, self._contents, self._name = size, stored.contents, name
        self.shapes: dict[str, Shape] = {"": ()}  # an input that is left out
        self._weights = self.live = self.values = self.products = 0

    def activation(self, tensor: str) -> int:
        """The number of its values, for one digit or page; 0 for a constant."""
        shape = self.shapes[tensor]
        return prod(shape[1:]) if shape[:1] == (BATCH,) else 0

    def add(self, tensor: str, shape: Shape) -> None:
        """Add a tensor. Raises ModelError if it can't be, or takes too much."""
        is_activation = shape[:1] == (BATCH,)
        lengths = shape[1:] if is_activation else shape
        if len(shape) > MAX_RANK or min(lengths, default=1) <= 0 or tensor in self.shapes:
            raise ModelError(f"{self._name}: invalid tensor {tensor!r} of shape {shape}")
        self.shapes[tensor] = shape
        self.live += self.activation(tensor)
        self.values += self.activation(tensor)
        self._weights += 0 if is_activation else prod(lengths)
        self._check_size()

    def compute(self, node: Node) -> None:
        """Add the output of a node."""
        result = self._infer(node)
        self.products += result.products
        self.add(node.written[0], result.shape)
        self._check_size(result.unfolded)

    def _infer(self, node: Node) -> Result:
        try:
            shapes = [self.shapes[tensor] for tensor in node.read]
            by_content = node.operator.by_content
            if by_content is not None:
                shapes[by_content] = self._contents[node.read[by_content]]
            if (len(node.read), len(node.written)) == (node.operator.inputs, 1):
                return node.operator.infer(shapes, node.attributes)
            raise ValueError
        except (LookupError, ValueError) as error:
            raise ModelError(
                f"{self._name}: the inputs or attributes of its {node.title} don't fit"
            ) from error

    def _check_size(self, unfolded: int = 0) -> None:
        if (
            self._weights > MAX_WEIGHTS
            or self.live + unfolded > self._size.max_live
            or self.values > self._size.max_values
            or self.products > self._size.max_products
        ):
            raise ModelError(f"{self._name} needs more memory or time than digits allows")
