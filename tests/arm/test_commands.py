"""What `digits` says on Arm beside what it says on this machine."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits.data.mnist import Split
from tests.e2e.conftest import Run, run_installed
from tests.e2e.test_bad_input import test_mistakes_in_reading  # noqa: F401
from tests.synthetic import Sheet, chosen, lamp
from tests.test_structure import HEAVY


def told(json_lines: str) -> tuple[object, list[float]]:
    """Everything but the fractions, and the fractions."""
    fractions: list[float] = []

    def kept_apart(number: str) -> str:
        fractions.append(float(number))
        return "a fraction"

    return [json.loads(line, parse_float=kept_apart) for line in json_lines.splitlines()], fractions


def assert_alike(arm: str, here: str) -> None:
    """The same text, but for fractions' last digits: test_network.py says where they come from."""
    (ours, fractions), (theirs, others) = told(arm), told(here)
    assert ours
    assert ours == theirs
    np.testing.assert_allclose(fractions, others, rtol=0, atol=1e-5)


def test_the_environment_has_the_runtime_alone(root: Path) -> None:
    installed = {path.name for path in (root / "packages").iterdir()}
    assert {"digits", "numpy", "onnxruntime", "PIL"} <= installed
    assert not HEAVY & installed


def test_python_m_digits(python: list[str], pictures: list[Path]) -> None:
    arguments = ["predict", "--json", *map(str, pictures)]
    arm = subprocess.run([*python, "-m", "digits", *arguments], capture_output=True, text=True)
    here = run_installed(*arguments)
    assert (arm.returncode, arm.stderr) == (here.returncode, here.stderr) == (0, "")
    assert_alike(arm.stdout, here.stdout)


def test_a_page(digits: Run, tmp_path: Path, test_slice: Split) -> None:
    sheet = Sheet()
    sheet.rule(40)
    sheet.write(chosen(test_slice, "2718"), 60, 100)
    sheet.write(chosen(test_slice, "28"), 500, 100)
    sheet.write(chosen(test_slice, "459", start=3), 60, 220)
    sheet.write(chosen(test_slice, "6063", start=1), 60, 340, gap=-6)  # touching
    page = sheet.photograph(tilt=4, light=lamp(500, 700))
    Image.fromarray(page).save(tmp_path / "page.jpg", quality=90)
    arguments = ("read", "page.jpg", "--json")
    arm, here = (call(*arguments, cwd=tmp_path) for call in (digits, run_installed))
    assert (arm.returncode, arm.stderr) == (here.returncode, here.stderr)
    assert_alike(arm.stdout, here.stdout)


@pytest.mark.parametrize("kernels", ["integer", "float"])
def test_the_accuracy(digits: Run, tmp_path: Path, test_slice: Split, kernels: str) -> None:
    rows = ["file,digit"]
    for place, (image, label) in enumerate(zip(*vars(test_slice).values(), strict=True)):
        Image.fromarray(255 - image).save(tmp_path / f"{place}.png")
        rows.append(f"{place}.png,{label}")
    (tmp_path / "digits.csv").write_text("\n".join(rows))
    arguments = ("eval", "--data", "digits.csv", "--kernels", kernels, "--json")
    arm, here = (call(*arguments, cwd=tmp_path) for call in (digits, run_installed))
    assert (arm.returncode, arm.stderr) == (here.returncode, here.stderr) == (0, "")
    result = json.loads(arm.stdout)
    assert (result["digits"], result["kernels"]) == (500, kernels)
    model = json.loads(here.stdout)["model"]
    assert_alike(arm.stdout.replace(result["model"], model), here.stdout)


SEVEN = Path(__file__).parent.parent / "pictures" / "7.jpg"


def seven() -> Image.Image:
    return Image.open(SEVEN).convert("L")


def sixteen_bits(path: Path) -> None:
    Image.fromarray(np.asarray(seven()).astype(np.uint16) * 257).save(path)


def turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    seven().rotate(90, expand=True).save(path, exif=exif)


ODD: dict[str, Callable[[Path], object]] = {
    "empty.png": lambda path: path.write_bytes(b""),
    "truncated.jpg": lambda path: path.write_bytes(SEVEN.read_bytes()[:2000]),
    "truncated.png": lambda path: (seven().save(path), path.write_bytes(path.read_bytes()[:-900])),
    "text.png": lambda path: path.write_text("seven"),
    "folder.png": lambda path: path.mkdir(),
    "pixel.png": lambda path: Image.new("L", (1, 1)).save(path),
    "cmyk.jpg": lambda path: seven().convert("CMYK").save(path),
    "sixteen.png": sixteen_bits,
    "animated.gif": lambda path: seven().save(
        path, save_all=True, append_images=[Image.new("L", seven().size, 255)]
    ),
    "turned.jpg": turned,
    "nowhere.png": lambda path: None,
}


@pytest.mark.parametrize("command", ["predict", "read"])
@pytest.mark.parametrize("name", ODD)
def test_odd_pictures(digits: Run, tmp_path: Path, name: str, command: str) -> None:
    ODD[name](tmp_path / name)
    arm, here = (call(command, name, cwd=tmp_path) for call in (digits, run_installed))
    assert arm.stdout or arm.stderr
    assert (arm.returncode, arm.stdout, arm.stderr) == (here.returncode, here.stdout, here.stderr)
