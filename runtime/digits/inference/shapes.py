"""Follow the shapes of a graph's tensors, and bound the memory and the time that they take."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

from digits.errors import ModelError
from digits.inference.interface import Interface, Size
from digits.inference.operators import BATCH, Operator, Shape

MAX_RANK = 4
_MAX_WEIGHTS = 1 << 26  # VGG-16, our largest network, has 15 million


class Node(NamedTuple):
    """A node. read, written: names of tensors."""

    title: str
    operator: Operator
    attributes: dict[str, list[int]]
    read: list[str]
    written: list[str]


class Stored(NamedTuple):
    """The stored tensors. contents: of those that may be another tensor's shape or scales."""

    shapes: Mapping[str, Shape]
    contents: Mapping[str, Shape]


def follow(
    interface: Interface, size: Size, stored: Stored, nodes: Sequence[Node], name: str
) -> tuple[int, int]:
    """Compute all shapes for one size of the input. Returns the values in all activations, and the
    number of products.

    name: what errors call the file. Raises ModelError if shapes don't fit or take too much.
    """
    tensors = _Tensors(size, stored, name)
    tensors.add(interface.input.name, _shape(interface.input.shape, size))
    for title, shape in stored.shapes.items():
        tensors.add(title, shape)
    last_use = {name: place for place, node in enumerate(nodes) for name in node.read}
    last_use |= {output.name: len(nodes) for output in interface.outputs}
    for place, node in enumerate(nodes):
        tensors.compute(node)
        for title in {*node.read, *node.written}:
            if last_use.get(title, place) == place:
                tensors.free(title)
    for output in interface.outputs:
        if tensors.shapes.get(output.name) != _shape(output.shape, size):
            raise ModelError(f"{name} doesn't output {output.name} of shape {output.shape}")
    return tensors.values, tensors.products


def _shape(lengths: Sequence[int | str], size: Size) -> Shape:
    return (BATCH, *(size.lengths[one] if isinstance(one, str) else one for one in lengths))


class _Tensors:
    """The shapes of a graph's tensors by name, and their total cost."""

    def __init__(self, size: Size, stored: Stored, name: str) -> None:
        self._size, self._contents, self._name = size, stored.contents, name
        self.shapes: dict[str, Shape] = {"": ()}  # an input that is left out
        self._weights = self._live = self.values = self.products = 0

    def add(self, tensor: str, shape: Shape) -> None:
        """Add a tensor. Raises ModelError if it can't be, or takes too much."""
        is_activation = shape[:1] == (BATCH,)
        lengths = shape[1:] if is_activation else shape
        possible = len(shape) <= MAX_RANK and min(lengths, default=1) > 0
        if not possible or tensor in self.shapes:
            raise ModelError(f"{self._name}: invalid tensor {tensor!r} of shape {shape}")
        self.shapes[tensor] = shape
        if is_activation:
            self.values += prod(lengths)
            self._live += prod(lengths)
        else:
            self._weights += prod(lengths)
        self._check_size()

    def compute(self, node: Node) -> None:
        """Add the outputs of a node."""
        try:
            shapes = [self.shapes[one] for one in node.read]
            if node.operator.by_content is not None:
                content = self._contents[node.read[node.operator.by_content]]
                shapes[node.operator.by_content] = content
            result = node.operator.infer(shapes, node.attributes)
            made = list(zip(node.written, result.shapes, strict=True))
            if len(node.read) != node.operator.inputs:
                raise ValueError
        except (LookupError, ValueError) as error:
            raise ModelError(
                f"{self._name}: the inputs or attributes of its {node.title} don't fit"
            ) from error
        self.products += result.products
        for tensor, shape in made:
            self.add(tensor, shape)
        self._check_size(result.unfolded)

    def free(self, tensor: str) -> None:
        """Forget the values of a tensor that no later node reads."""
        batch, *lengths = self.shapes[tensor] or (0,)
        if batch == BATCH:
            self._live -= prod(lengths)

    def _check_size(self, unfolded: int = 0) -> None:
        if (
            self._weights > _MAX_WEIGHTS
            or self._live + unfolded > self._size.max_live
            or self.values > self._size.max_values
            or self.products > self._size.max_products
        ):
            raise ModelError(f"{self._name} needs more memory or time than digits allows")
