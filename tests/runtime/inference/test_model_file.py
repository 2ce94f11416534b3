import hashlib
from collections import Counter
from math import prod
from pathlib import Path

import onnx
import pytest

from digits.errors import ModelError
from digits.inference.model_file import BUNDLED, inspect


def test_inspect_matches_the_onnx_package() -> None:
    model = onnx.load(BUNDLED)
    found = inspect(BUNDLED)
    assert found.sha256 == hashlib.sha256(Path(BUNDLED).read_bytes()).hexdigest()
    assert found.bytes == Path(BUNDLED).stat().st_size
    assert found.ir_version == model.ir_version
    assert found.opsets == {"ai.onnx": model.opset_import[0].version}
    assert found.producer == f"{model.producer_name} {model.producer_version}"
    assert found.operators == Counter(node.op_type for node in model.graph.node)
    counts = Counter[str]()
    for tensor in model.graph.initializer:
        kind = onnx.TensorProto.DataType.Name(tensor.data_type).lower()
        counts[kind.replace("float", "float32")] += prod(tensor.dims)
    assert found.parameter_counts == counts
    assert found.input == "images, tensor(uint8), ['batch', 1, 28, 28]"
    assert found.metadata.architecture == "lenet5"


def test_inspect_defaults_to_the_bundled_model() -> None:
    assert inspect().file == BUNDLED


@pytest.mark.parametrize("damage", ["cut", "flip", "foreign", "external"])
def test_damaged_or_foreign_file_is_an_error(tmp_path: Path, damage: str) -> None:
    raw = bytearray(Path(BUNDLED).read_bytes())
    if damage == "cut":
        raw = raw[:-100]
    elif damage == "flip":
        raw[2000] ^= 1
    else:
        model = onnx.load(BUNDLED)
        if damage == "external":
            model.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")
        else:
            del model.metadata_props[:]
        raw = bytearray(model.SerializeToString())
    path = tmp_path / "model.onnx"
    path.write_bytes(raw)
    with pytest.raises(ModelError, match="model.onnx"):
        inspect(path)
