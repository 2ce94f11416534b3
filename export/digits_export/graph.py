"""An ONNX graph that can be changed."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import DTypeLike, NDArray
from onnx import helper, numpy_helper


class Graph:
    """The nodes of a copy of a model, in order, and its stored tensors by name."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = onnx.ModelProto()
        self._model.CopyFrom(model)
        self.input = model.graph.input[0].name
        self.nodes = [*self._model.graph.node]
        self.constants: dict[str, NDArray[Any]] = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
        }

    def chain(self, tensor: str) -> Iterator[onnx.NodeProto]:
        """Yield the nodes that follow from a tensor, until something else reads it, too."""
        while len(nodes := [node for node in self.nodes if tensor in node.input]) == 1:
            yield nodes[0]
            tensor = nodes[0].output[0]

    def store(self, name: str, values: object, dtype: DTypeLike = np.float32) -> str:
        """Add or replace a constant. Returns its name."""
        self.constants[name] = np.asarray(values, dtype)
        return name

    def replace(self, old: list[onnx.NodeProto], *new: onnx.NodeProto) -> None:
        """Put nodes in the place of others, of which at least one is there."""
        index = self.nodes.index(old[0])
        self.nodes[index:index] = new
        self.nodes = [node for node in self.nodes if not any(node is each for each in old)]

    def rename(self, new_name: Callable[[str], str]) -> None:
        """Rename all tensors; a node is called like its output."""
        self.constants = {new_name(name): values for name, values in self.constants.items()}
        for node in self.nodes:
            node.input[:] = map(new_name, node.input)
            node.output[:] = map(new_name, node.output)
            node.name = node.output[0]

    def to_model(self) -> onnx.ModelProto:
        """Return the model with these nodes, and the constants that they read."""
        graph, read = self._model.graph, {name for node in self.nodes for name in node.input}
        constants = [
            numpy_helper.from_array(self.constants[name], name)
            for name in self.constants
            if name in read
        ]
        changed = helper.make_graph(self.nodes, graph.name, graph.input, graph.output, constants)
        graph.CopyFrom(changed)
        return self._model


def make_node(operator: str, output: str, *inputs: str, **attributes: Any) -> onnx.NodeProto:
    """Return a node that is called like its output."""
    return helper.make_node(operator, inputs, [output], output, **attributes)


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Return a node's attributes by name."""
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def set_attributes(node: onnx.NodeProto, **changes: Any) -> None:
    """Change or add attributes of a node."""
    changed = attributes(node) | changes
    del node.attribute[:]
    node.attribute.extend(helper.make_attribute(name, value) for name, value in changed.items())
