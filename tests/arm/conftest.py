"""What this machine and the emulated processors of a Raspberry Pi 4 and 5 compute."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from digits.data.mnist import Split
from digits.inference.model_file import BUNDLED
from tests.conftest import PICTURES
from tests.synthetic import Sheet, chosen, lamp

# Those of the Raspberry Pi 4 and 5; the latter has UDOT (four products of bytes at once), for which
# onnxruntime has other kernels.
PROCESSORS = ("cortex-a72", "cortex-a76")
RUNTIME = Path(__file__).parents[2] / "runtime"
LAYERS = ["max_pool2d", "view", "relu_2", "relu_3"]  # as PyTorch calls what products read
LOGITS = "linear_3"


class Computed(NamedTuple):
    machine: str  # as `uname -m` prints it
    first: str  # what `digits predict --json 7.jpg` prints
    answers: dict[str, tuple[int, str, str]]  # exit code, stdout and stderr of each command
    tensors: Mapping[str, np.ndarray]


@pytest.fixture(scope="session")
def computed(tmp_path_factory: pytest.TempPathFactory, test_slice: Split) -> dict[str, Computed]:
    """By the processor; this machine's is called here."""
    if "DIGITS_ARM" not in os.environ:
        pytest.skip("needs an Arm root file system: run `make test-arm`")
    root, folder = Path(os.environ["DIGITS_ARM"]), tmp_path_factory.mktemp("arm")
    commands = {
        "pictures": ["predict", "--json", *write_pictures(folder)],
        "page": ["read", "--json", write_page(folder, test_slice)],
    }
    (folder / "commands.json").write_text(json.dumps(commands))
    (folder / "probe.onnx").write_bytes(build_probe())
    np.save(folder / "images.npy", test_slice.images)

    def compute(processor: str) -> Computed:
        python = [sys.executable]
        if processor != "here":
            path = f"PYTHONPATH={RUNTIME}:{root / 'packages'}"
            cache = f"PYTHONDONTWRITEBYTECODE=,PYTHONPYCACHEPREFIX={root / 'bytecode'}"
            python = ["qemu-aarch64", "-cpu", processor, "-L", str(root / "debian")]
            python += ["-E", f"{path},{cache}", str(root / "debian/usr/bin/python3")]

        def run(*arguments: object) -> str:
            command = [*python, *map(str, arguments)]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=1800)
            assert done.returncode == 0, done.stderr
            return done.stdout

        machine = run("-c", "import platform; print(platform.machine())").strip()
        first = run("-m", "digits", "predict", "--json", PICTURES / "7.jpg")
        run(Path(__file__).with_name("compute.py"), processor)
        answers = json.loads((folder / f"{processor}.json").read_text())
        return Computed(machine, first, answers, np.load(folder / f"{processor}.npz"))

    with ThreadPoolExecutor() as pool:
        names = ["here", *PROCESSORS]
        return dict(zip(names, pool.map(compute, names), strict=True))


@pytest.fixture
def here(computed: dict[str, Computed]) -> Computed:
    return computed["here"]


@pytest.fixture(params=PROCESSORS)
def arm(request: pytest.FixtureRequest, computed: dict[str, Computed]) -> Computed:
    return computed[request.param]


def write_pictures(folder: Path) -> list[str]:
    """Further pictures that Pillow decodes, and damaged ones; returns all pictures' names."""
    seven = Image.open(PICTURES / "7.jpg").convert("L").reduce(2)
    seven.convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(np.asarray(seven).astype(np.uint16) * 257).save(folder / "sixteen.png")
    turned = Image.Exif()
    turned[0x0112] = 6  # by 90 degrees
    seven.rotate(90, expand=True).save(folder / "turned.jpg", exif=turned)
    for name in ("7.jpg", "5.png"):
        (folder / name).write_bytes((PICTURES / name).read_bytes()[:2000])
    (folder / "empty.png").touch()
    samples = sorted(str(path) for path in PICTURES.iterdir() if path.name[0].isdigit())
    return [*samples, *sorted(path.name for path in folder.iterdir()), "nowhere.png"]


def write_page(folder: Path, split: Split) -> str:
    sheet = Sheet()
    sheet.rule(40)
    sheet.write(chosen(split, "2718"), 60, 100)
    sheet.write(chosen(split, "28"), 500, 100)
    sheet.write(chosen(split, "459", start=3), 60, 220)
    sheet.write(chosen(split, "6063", start=1), 60, 340, gap=-6)  # touching
    page = sheet.photograph(tilt=4, light=lamp(500, 700))
    Image.fromarray(page).save(folder / "page.jpg", quality=90)
    return "page.jpg"


def build_probe() -> bytes:
    """Return the bundled model with all int8 tensors and the logits as further outputs."""
    model = onnx.load(BUNDLED)
    nodes = model.graph.node
    quantized = [node.output[0] for node in nodes if node.op_type == "QuantizeLinear"]
    assert quantized == [f"{layer}.int" for layer in LAYERS]
    assert [node.input[0] for node in nodes if node.op_type == "Softmax"] == [LOGITS]
    outputs = dict.fromkeys(quantized, TensorProto.UINT8) | {LOGITS: TensorProto.FLOAT}
    for name, type_ in outputs.items():
        model.graph.output.append(helper.make_tensor_value_info(name, type_, None))
    return bytes(model.SerializeToString())
