"""Compute what the tests compare between processors: python compute.py NAME

The current folder has commands.json, images.npy and probe.onnx (the bundled model with its int8
tensors as further outputs). Writes NAME.json: the exit code, stdout and stderr of each command of
`digits`; and NAME.npz: the tensors of the images.
"""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import numpy as np
import onnxruntime

from digits.__main__ import main
from digits.inference.model import Model


def run(arguments: list[str]) -> tuple[int, str, str]:
    sys.argv = ["digits", *arguments]
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
    return code, out.getvalue(), err.getvalue()


# An emulator may take longer than a network is given.
patch("digits.inference.session.monotonic", return_value=0.0).start()
name = sys.argv[1]
answers = {
    key: run(command) for key, command in json.loads(Path("commands.json").read_text()).items()
}
Path(f"{name}.json").write_text(json.dumps(answers))

images = np.load("images.npy")
probe = onnxruntime.InferenceSession("probe.onnx", providers=["CPUExecutionProvider"])
names = [output.name for output in probe.get_outputs()]
tensors = dict(zip(names, probe.run(None, {"images": images[:, None]}), strict=True))
for kernels in ("integer", "float"):
    tensors[kernels] = Model(kernels=kernels).probabilities(images)
np.savez(f"{name}.npz", **tensors)
