"""Compute what the tests compare between processors: python compute.py NAME

The current folder has commands.json and images.npy. Writes NAME.json: the machine; the exit code,
stdout and stderr of each command of `digits`; and NAME.npz: the probabilities of the images.
"""

import io
import json
import platform
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np

from digits.__main__ import main
from digits.inference.model import ClassifierModel


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


name = sys.argv[1]
commands = json.loads(Path("commands.json").read_text())
answers = {key: run(command) for key, command in commands.items()}
Path(f"{name}.json").write_text(json.dumps({"machine": platform.machine(), **answers}))

images = np.load("images.npy")
np.savez(
    f"{name}.npz",
    integer=ClassifierModel(kernels="integer").probabilities(images),
    float=ClassifierModel(kernels="float").probabilities(images),
)
