"""A model repository for NVIDIA Triton Inference Server and KServe.

https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_configuration.html
"""

from pathlib import Path

from digits.inference.interface import CLASSIFIER, Interface, Tensor

_MAX_BATCH_SIZE = {"images": 256, "page": 8}  # a page takes thousands of times as long as a digit
_QUEUE_DELAY = 100  # microseconds that a request may wait for others in its batch
_TYPES = {"tensor(uint8)": "TYPE_UINT8", "tensor(float)": "TYPE_FP32"}

_CONFIG = """\
name: "{name}"
backend: "onnxruntime"
max_batch_size: {batch}
input [{input}]
output [{output}]
instance_group [{{ kind: KIND_CPU }}]
dynamic_batching {{ max_queue_delay_microseconds: {queue} }}
parameters {{ key: "intra_op_thread_count" value: {{ string_value: "1" }} }}
"""


def repository(
    folder: Path, name: str, model: bytes, interface: Interface = CLASSIFIER
) -> dict[Path, bytes]:
    """Map paths in `folder` to the files that serve version 1 of a model."""
    config = _CONFIG.format(
        name=name,
        batch=_MAX_BATCH_SIZE[interface.input.name],
        input=_describe(interface.input),
        output=", ".join(map(_describe, interface.outputs)),
        queue=_QUEUE_DELAY,
    )
    return {
        folder / name / "config.pbtxt": config.encode(),
        folder / name / "1" / "model.onnx": model,
    }


def _describe(tensor: Tensor) -> str:
    shape = [-1 if isinstance(length, str) else length for length in tensor.shape]
    return f'{{ name: "{tensor.name}" data_type: {_TYPES[tensor.dtype]} dims: {shape} }}'
