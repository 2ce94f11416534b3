"""A model repository for NVIDIA Triton Inference Server and KServe.

https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_configuration.html
"""

from pathlib import Path

from digits.inference.interface import Interface, Tensor

# By the first output: a number takes a hundred times as long as a digit, a page thousands of times.
_MAX_BATCH_SIZE = {"probabilities": 256, "log_probabilities": 16, "centres": 8}
_TYPES = {"tensor(uint8)": "TYPE_UINT8", "tensor(float)": "TYPE_FP32"}

# A request may wait a tenth of a millisecond for others in its batch.
_CONFIG = """\
name: "{name}"
backend: "onnxruntime"
max_batch_size: {batch}
input [{input}]
output [{output}]
instance_group [{{ kind: KIND_CPU }}]
dynamic_batching {{ max_queue_delay_microseconds: 100 }}
parameters {{ key: "intra_op_thread_count" value: {{ string_value: "1" }} }}
"""


def repository(folder: Path, name: str, model: bytes, interface: Interface) -> dict[Path, bytes]:
    """Map paths in `folder` to the files that serve version 1 of a model."""
    config = _CONFIG.format(
        name=name,
        batch=_MAX_BATCH_SIZE[interface.outputs[0].name],
        input=_describe(interface.input),
        output=", ".join(map(_describe, interface.outputs)),
    )
    return {
        folder / name / "config.pbtxt": config.encode(),
        folder / name / "1" / "model.onnx": model,
    }


def _describe(tensor: Tensor) -> str:
    shape = [-1 if isinstance(length, str) else length for length in tensor.shape]
    return f'{{ name: "{tensor.name}" data_type: {_TYPES[tensor.dtype]} dims: {shape} }}'
