"""Write the subset of MNIST for the tests: the first 1,000 training and 500 test digits.

    python tests/mnist_subset/make.py

Needs the full data set (see digits.data.mnist).
"""

import gzip
import struct
from pathlib import Path

import numpy as np

from digits.data import mnist

HERE = Path(__file__).parent


def write(name: str, values: np.ndarray) -> None:
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    packed = gzip.compress(header + values.tobytes(), mtime=0)
    (HERE / f"{name}.gz").write_bytes(packed)


for prefix, split, count in (
    ("train", mnist.load("train"), 1000),
    ("t10k", mnist.load("test"), 500),
):
    write(f"{prefix}-images-idx3-ubyte", split.images[:count])
    write(f"{prefix}-labels-idx1-ubyte", split.labels[:count])
