"""The bundled model without digits, by the code in docs/export.md."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from digits.data.mnist import Split
from digits.inference.model_file import BUNDLED


def test_documented_python_code(tmp_path: Path, test_slice: Split) -> None:
    shutil.copy(BUNDLED, tmp_path / "lenet5.int8.onnx")
    np.save(tmp_path / "digit.npy", test_slice.images[:1, None])
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
    blocks: list[str] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    [code] = [block for block in blocks if "lenet5.int8.onnx" in block]
    code = code.replace("np.zeros((1, 1, 28, 28), np.uint8)", 'np.load("digit.npy")')
    assert "digit.npy" in code
    answer = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path)
    assert int(answer) == test_slice.labels[0]
