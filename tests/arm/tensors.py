"""Save the network's tensors for some digits, to compare them with another processor's.

python tensors.py FOLDER

FOLDER has images.npy and probe.onnx, the bundled model with its int8 tensors as further outputs.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

from digits.inference.model import Model

FOLDER = Path(sys.argv[1])

images = np.load(FOLDER / "images.npy")
probe = onnxruntime.InferenceSession(FOLDER / "probe.onnx", providers=["CPUExecutionProvider"])
names = [output.name for output in probe.get_outputs()]
tensors = dict(zip(names, probe.run(None, {"images": images[:, None]}), strict=True))
for kernels in ("integer", "float"):
    tensors[kernels] = Model(kernels=kernels).probabilities(images)
np.savez(FOLDER / "tensors.npz", **tensors)
