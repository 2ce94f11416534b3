from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, numpy_helper

from digits.errors import ModelError
from digits.inference import graph as runtime_graph
from digits.inference.interface import READER
from digits.inference.metadata import Kernels
from digits.inference.model import open_session
from digits_export import reader_graph, verify
from digits_export.quantize import FLOAT_LAYERS, quantize_weights
from digits_export.reader_export import onnx_maps, torch_maps
from digits_export.reader_graph import UNSCALED, MapScaling
from digits_train.models.reader import Reader
from tests.export.reader_pages import drawn_page, random_reader
from tests.rounding import assert_agree


@pytest.fixture(scope="module")
def model() -> Reader:
    return random_reader()


@pytest.fixture(scope="module")
def graph(model: Reader) -> onnx.ModelProto:
    return reader_graph.build(model)


def test_graph_is_minimal(model: Reader, graph: onnx.ModelProto) -> None:
    verify.check_graph(graph)
    counts = Counter(node.op_type for node in graph.graph.node)
    blocks = 3 + 7 + 2
    assert counts == {
        **{"Cast": 1, "AveragePool": 4, "Resize": 2, "Sub": 1, "Mul": 1, "Sqrt": 1, "Div": 1},
        **{"Clip": 1, "DepthToSpace": 1, "Conv": blocks + 1 + 3, "Relu": blocks + 1},
        "Add": 1 + (1 + 6 + 2) + 1,  # of the deviation, of residual connections, and the merged one
    }
    norms = sum(4 * m.num_features for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d))
    stored = sum(int(np.prod(tensor.dims)) for tensor in graph.graph.initializer)
    folded = sum(tensor.numel() for tensor in model.parameters()) - norms // 2 + norms // 4
    assert stored == folded + 4 + 3  # the scales, and the limits of the contrast


def test_interface(graph: onnx.ModelProto) -> None:
    verify.check_interface(open_session(graph.SerializeToString(), "float"), READER)
    graph = onnx.ModelProto.FromString(graph.SerializeToString())
    graph.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "rows"
    with pytest.raises(ModelError, match=r"the exported model's inputs are \[\('page'"):
        verify.check_interface(open_session(graph.SerializeToString(), "float"), READER)


@pytest.mark.parametrize("scaling", [UNSCALED, MapScaling(0.7, 1.9, -2.5)])
def test_agrees_with_pytorch(model: Reader, scaling: MapScaling) -> None:
    session = open_session(reader_graph.build(model, scaling).SerializeToString(), "float")
    verify.check_map_parity(
        lambda page: onnx_maps(session, page),
        lambda page: torch_maps(model, scaling, page),
        [drawn_page(0).pixels, np.full((64, 40), 255, np.uint8)],
    )


def test_pages_of_a_batch_are_independent(graph: onnx.ModelProto) -> None:
    session = open_session(graph.SerializeToString(), "float")
    pages = np.stack([drawn_page(number).pixels for number in range(3)])[:, None]
    together = onnx_maps(session, pages)
    for number in range(3):
        alone = onnx_maps(session, pages[number : number + 1])
        for batched, single in zip(together, alone, strict=True):
            assert_agree(batched[number : number + 1], single)


def test_parity_names_a_disagreement(model: Reader, graph: onnx.ModelProto) -> None:
    session = open_session(graph.SerializeToString(), "float")
    for wrong in (MapScaling(1.01), MapScaling(centre_shift=0.01), MapScaling(float("nan"))):
        with pytest.raises(
            ModelError, match="disagrees with the checkpoint: of 1 inputs of 296x400 pixels"
        ):
            verify.check_map_parity(
                lambda page: onnx_maps(session, page),
                lambda page, wrong=wrong: torch_maps(model, wrong, page),  # type: ignore[misc]
                [],
            )


@pytest.fixture(scope="module")
def quantized(graph: onnx.ModelProto) -> onnx.ModelProto:
    return quantize_weights(graph)


def test_weights_are_int8_per_output_channel(
    graph: onnx.ModelProto, quantized: onnx.ModelProto
) -> None:
    verify.check_graph(quantized)
    exact = {t.name: numpy_helper.to_array(t) for t in graph.graph.initializer}
    stored = {t.name: numpy_helper.to_array(t) for t in quantized.graph.initializer}
    for node in graph.graph.node:
        if node.op_type != "Conv":
            continue
        weight, bias = node.input[1:]
        np.testing.assert_array_equal(stored[bias], exact[bias])
        if node.name in FLOAT_LAYERS:
            np.testing.assert_array_equal(stored[weight], exact[weight])
            continue
        integers, scale = stored[f"{weight}.int"], stored[f"{weight}.scale"]
        assert integers.dtype == np.int8
        assert scale.shape == integers.shape[:1]
        assert (np.abs(integers.astype(int)).reshape(len(scale), -1).max(1) == 127).all()
        shaped = scale.reshape(-1, 1, 1, 1)
        assert (np.abs(integers * shaped - exact[weight]) <= shaped * 0.501).all()
    floats = sum(
        int(np.prod(tensor.dims))
        for tensor in quantized.graph.initializer
        if tensor.data_type == TensorProto.FLOAT
    )
    assert floats < 25_000
    assert len(quantized.SerializeToString()) < 360_000


@pytest.mark.parametrize("kernels", ["float", "integer"])
def test_quantized_maps_are_close(
    graph: onnx.ModelProto, quantized: onnx.ModelProto, kernels: Kernels
) -> None:
    page = drawn_page(5).pixels[None, None]
    exact = onnx_maps(open_session(graph.SerializeToString(), "float"), page)
    rounded = onnx_maps(open_session(quantized.SerializeToString(), kernels), page)
    for expected, values in zip(exact, rounded, strict=True):
        assert 0 < np.abs(expected - values).max() < 0.1 * np.abs(expected - expected.mean()).max()


def test_onnxruntime_dequantizes_once(
    quantized: onnx.ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = onnxruntime.SessionOptions

    def options() -> onnxruntime.SessionOptions:
        made = real()
        made.optimized_model_filepath = str(tmp_path / "optimized.onnx")
        return made

    monkeypatch.setattr(onnxruntime, "SessionOptions", options)
    operators = {}
    for kernels in ("float", "integer"):
        open_session(quantized.SerializeToString(), kernels)
        optimized = onnx.load(tmp_path / "optimized.onnx")
        operators[kernels] = Counter(node.op_type for node in optimized.graph.node)
    assert operators["float"]["DequantizeLinear"] == 0
    assert operators["integer"]["DequantizeLinear"] == 11


@pytest.mark.parametrize("form", ["float", "int8"])
def test_runtime_accepts_both_files(
    graph: onnx.ModelProto, quantized: onnx.ModelProto, form: str
) -> None:
    model = graph if form == "float" else quantized
    summary = runtime_graph.read(model.SerializeToString(), "exported", READER)
    assert sum(summary.operators.values()) == len(model.graph.node)
    assert ("int8" in summary.parameter_counts) == (form == "int8")
