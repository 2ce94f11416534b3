"""A network as an ONNX graph, as PyTorch's exporter writes it: one call, and no notes.

https://docs.pytorch.org/docs/stable/onnx_export.html. It folds batch norm into convolutions.
"""

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import onnx_ir as ir
import torch
from onnx_ir.passes.common import ClearMetadataAndDocStringPass
from torch import nn

import digits
from digits.errors import ModelError
from digits.inference.interface import PAGE_MULTIPLE, Interface

OPSET = 18  # PyTorch's own: it would have to convert others


def to_onnx(network: nn.Module, interface: Interface) -> ir.Model:
    """Return the graph of a network in evaluation mode.

    Weights keep their names in the network. Raises ModelError, naming the operator if there is one,
    if PyTorch can't translate the network.
    """
    shape = [  # of any size that is no other dimension's
        PAGE_MULTIPLE * (8 + number) if isinstance(side, str) else side
        for number, side in enumerate(interface.input.shape)
    ]
    sides = {
        dimension: PAGE_MULTIPLE * torch.export.Dim(side)
        for dimension, side in enumerate(interface.input.shape, 1)
        if isinstance(side, str)
    }
    try:
        with quiet():
            program = torch.onnx.export(
                network.eval(),
                (torch.zeros(2, *shape, dtype=torch.uint8),),
                dynamo=True,
                input_names=[interface.input.name],
                output_names=[output.name for output in interface.outputs],
                dynamic_shapes=({0: torch.export.Dim("batch"), **sides},),
                opset_version=OPSET,
                verbose=False,
            )
    except Exception as error:  # whatever a user's network raises, too
        raise ModelError(f"PyTorch can't export it: {_cause(error)}") from error
    assert program is not None
    return _without_notes(program.model, interface)


def serialize(model: ir.Model) -> bytes:
    """Return the file of a graph."""
    proto = ir.to_proto(model)
    del proto.graph.value_info[:]  # the shapes of what is between, which may have changed
    return bytes(proto.SerializeToString())


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the exporter from printing: what went wrong, it also raises."""
    logging.disable()
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _cause(error: BaseException) -> str:
    """The first line of what went wrong first, or the line of code that can't be a graph."""
    while error.__cause__ is not None:
        error = error.__cause__
    line = re.search(r"The following call raised.*\n.* line (\d+), .*\n *(.+)", str(error))
    if line and "data-dependent" in str(error):
        return f"line {line[1]}, `{line[2]}`, depends on what the pictures show"
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _without_notes(model: ir.Model, interface: Interface) -> ir.Model:
    """The graph alone: notes, with paths of this machine, would be a quarter of the file."""
    ClearMetadataAndDocStringPass()(model)
    for node in model.graph:
        node.name = node.outputs[0].name
    values = [*model.graph.inputs, *model.graph.outputs]
    for value, tensor in zip(values, (interface.input, *interface.outputs), strict=True):
        value.shape = ir.Shape(["batch", *tensor.shape])
    model.graph.name = "digits"
    model.ir_version = 8  # came with this opset (ONNX 1.13, 2022)
    model.producer_name, model.producer_version = "digits", digits.__version__
    return model
