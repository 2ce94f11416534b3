"""A model repository for NVIDIA Triton Inference Server and KServe.

https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_configuration.html
"""

from pathlib import Path

from digits.inference.graph import INPUT, OUTPUT

_MAX_BATCH_SIZE = 256
_QUEUE_DELAY = 100  # microseconds that a request may wait for others in its batch

_CONFIG = """\
name: "{name}"
backend: "onnxruntime"
max_batch_size: {batch}
input [{{ name: "{input}" data_type: TYPE_UINT8 dims: {input_shape} }}]
output [{{ name: "{output}" data_type: TYPE_FP32 dims: {output_shape} }}]
instance_group [{{ kind: KIND_CPU }}]
dynamic_batching {{ max_queue_delay_microseconds: {queue} }}
parameters {{ key: "intra_op_thread_count" value: {{ string_value: "1" }} }}
"""


def repository(folder: Path, name: str, model: bytes) -> dict[Path, bytes]:
    """Map paths in `folder` to the files that serve version 1 of a model."""
    config = _CONFIG.format(
        name=name,
        batch=_MAX_BATCH_SIZE,
        input=INPUT[0],
        input_shape=INPUT[2],
        output=OUTPUT[0],
        output_shape=OUTPUT[2],
        queue=_QUEUE_DELAY,
    )
    return {
        folder / name / "config.pbtxt": config.encode(),
        folder / name / "1" / "model.onnx": model,
    }
