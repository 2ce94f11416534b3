"""What this machine computes, and what the emulated processors of Raspberry Pis do.

With integer kernels only the softmax's exponentials differ between processors; with float kernels,
the sums are in another order, too.
"""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digits.data.split import Split
from digits.inference.model import ClassifierModel
from digits.inference.model_file import BUNDLED

# Those of the Raspberry Pi 4 and 5; the latter has UDOT (four products of bytes at once), for which
# onnxruntime has other kernels.
PROCESSORS = ("cortex-a72", "cortex-a76")
RUNTIME = Path(__file__).parents[2] / "runtime"
FRACTION = r"\d+\.\d+(?:e-\d+)?|\d+e-\d+"  # in JSON
ROUNDING = 1e-5  # measured: 5.4e-7. The export allows as much between onnxruntime and PyTorch
# Of a page: where the first, float layer differs in the last bit, a rounding of activations to
# eight bits turns over. Measured: 0.004, and two of 26 symbols have the box of a neighbouring peak
# that is as strong, 7 pixels away.
PAGE_TOLERANCE = 0.05
BOX = r'"box": \[(\d+), (\d+), (\d+), (\d+)\]'
BOX_TOLERANCE = 20  # pixels

Computed = dict[str, Any]  # by the name that compute.py gives


@pytest.fixture(scope="session")
def computed(
    tmp_path_factory: pytest.TempPathFactory, test_slice: Split, pictures: list[Path], numbers: Path
) -> dict[str, Computed]:
    """By the processor; this machine's is called here."""
    if "DIGITS_ARM" not in os.environ:
        pytest.skip("needs an Arm root file system: run `make test-arm`")
    root, folder = Path(os.environ["DIGITS_ARM"]), tmp_path_factory.mktemp("arm")
    commands = {
        "pictures": ["predict", "--json", *map(str, pictures), "damaged.jpg", "nowhere.png"],
        "page": ["read", "--json", str(numbers)],
    }
    (folder / "damaged.jpg").write_bytes(pictures[7].read_bytes()[:2000])
    (folder / "commands.json").write_text(json.dumps(commands))
    np.save(folder / "images.npy", test_slice.images)

    def compute(processor: str) -> Computed:
        python = [sys.executable]
        if processor != "here":
            path = f"PYTHONPATH={RUNTIME}:{root / 'packages'}"
            cache = f"PYTHONDONTWRITEBYTECODE=,PYTHONPYCACHEPREFIX={root / 'bytecode'}"
            debian = root / "debian"
            python = ["qemu-aarch64", "-cpu", processor, "-L", str(debian)]
            python += ["-E", f"{path},{cache}", str(debian / "usr/bin/python3")]
        command = [*python, str(Path(__file__).with_name("compute.py")), processor]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=1800)
        assert done.returncode == 0, done.stderr
        answers: Computed = json.loads((folder / f"{processor}.json").read_text())
        return answers | dict(np.load(folder / f"{processor}.npz"))

    with ThreadPoolExecutor() as pool:
        names = ["here", *PROCESSORS]
        return dict(zip(names, pool.map(compute, names), strict=True))


@pytest.mark.parametrize("processor", PROCESSORS)
def test_answers_match_this_machine(computed: dict[str, Computed], processor: str) -> None:
    arm, here = computed[processor], computed["here"]
    assert arm["machine"] == "aarch64"
    for command, code, tolerance in (("pictures", 1, ROUNDING), ("page", 0, PAGE_TOLERANCE)):
        (arm_code, arm_out, arm_err), (here_code, here_out, here_err) = arm[command], here[command]
        assert (arm_code, arm_err) == (here_code, here_err)
        assert arm_code == code
        for pattern, atol in ((BOX, BOX_TOLERANCE), (FRACTION, tolerance)):
            ours, theirs = (
                np.array(re.findall(pattern, out), float) for out in (arm_out, here_out)
            )
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)
            arm_out, here_out = (re.sub(pattern, "", out) for out in (arm_out, here_out))
        assert arm_out == here_out != ""
    threshold = ClassifierModel(BUNDLED).metadata.rejection_threshold
    for kernels in ("integer", "float"):
        ours, theirs = arm[kernels], here[kernels]
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=ROUNDING)
        np.testing.assert_array_equal(ours.argmax(1), theirs.argmax(1))
        np.testing.assert_array_equal(ours.max(1) < threshold, theirs.max(1) < threshold)
