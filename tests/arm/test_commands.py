"""The output of `digits` on Arm, compared with its output on this machine."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits.data.mnist import Split
from tests.conftest import PICTURES
from tests.e2e.conftest import Run, run_installed
from tests.e2e.test_bad_input import MISTAKES
from tests.synthetic import Sheet, chosen, lamp
from tests.test_structure import HEAVY


def split_fractions(json_lines: str) -> tuple[object, list[float]]:
    """Split JSON lines into everything but the fractions, and the fractions."""
    fractions: list[float] = []

    def collect(number: str) -> str:
        fractions.append(float(number))
        return "a fraction"

    return [json.loads(line, parse_float=collect) for line in json_lines.splitlines()], fractions


def assert_equal_but_for_rounding(arm: str, here: str) -> None:
    """Check that both are the same up to rounding; test_network.py explains where that differs."""
    (ours, fractions), (theirs, others) = split_fractions(arm), split_fractions(here)
    assert ours
    assert ours == theirs
    np.testing.assert_allclose(fractions, others, rtol=0, atol=1e-5)


def test_arm_environment_has_only_runtime(root: Path) -> None:
    installed = {path.name for path in (root / "packages").iterdir()}
    assert {"digits", "numpy", "onnxruntime", "PIL"} <= installed
    assert not HEAVY & installed


def test_python_m_digits_matches_this_machine(python: list[str], pictures: list[Path]) -> None:
    arguments = ["predict", "--json", *map(str, pictures)]
    arm = subprocess.run([*python, "-m", "digits", *arguments], capture_output=True, text=True)
    here = run_installed(*arguments)
    assert (arm.returncode, arm.stderr) == (here.returncode, here.stderr) == (0, "")
    assert_equal_but_for_rounding(arm.stdout, here.stdout)


def test_read_matches_this_machine(run_digits: Run, tmp_path: Path, test_slice: Split) -> None:
    sheet = Sheet()
    sheet.rule(40)
    sheet.write(chosen(test_slice, "2718"), 60, 100)
    sheet.write(chosen(test_slice, "28"), 500, 100)
    sheet.write(chosen(test_slice, "459", start=3), 60, 220)
    sheet.write(chosen(test_slice, "6063", start=1), 60, 340, gap=-6)  # touching
    page = sheet.photograph(tilt=4, light=lamp(500, 700))
    Image.fromarray(page).save(tmp_path / "page.jpg", quality=90)
    arguments = ("read", "page.jpg", "--json")
    arm, here = (call(*arguments, cwd=tmp_path) for call in (run_digits, run_installed))
    assert (arm.returncode, arm.stderr) == (here.returncode, here.stderr)
    assert_equal_but_for_rounding(arm.stdout, here.stdout)


def test_eval_matches_this_machine(run_digits: Run, tmp_path: Path, test_slice: Split) -> None:
    rows = ["file,digit"]
    for number, (image, label) in enumerate(zip(*vars(test_slice).values(), strict=True)):
        Image.fromarray(255 - image).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{label}")
    (tmp_path / "digits.csv").write_text("\n".join(rows))
    arguments = ("eval", "--data", "digits.csv", "--json")
    arm, here = (call(*arguments, cwd=tmp_path) for call in (run_digits, run_installed))
    assert (arm.returncode, arm.stderr) == (here.returncode, here.stderr) == (0, "")
    result = json.loads(arm.stdout)
    assert result["total"] == 500
    model = json.loads(here.stdout)["model"]
    assert_equal_but_for_rounding(arm.stdout.replace(result["model"], model), here.stdout)


@pytest.mark.parametrize(("arguments", "part"), MISTAKES)
def test_mistake_is_reported(
    run_digits: Run, tmp_path: Path, arguments: list[str], part: str
) -> None:
    done = run_digits(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: ") and part in done.stderr


SEVEN = PICTURES / "7.jpg"


def seven() -> Image.Image:
    return Image.open(SEVEN).convert("L")


def save_16_bit(path: Path) -> None:
    Image.fromarray(np.asarray(seven()).astype(np.uint16) * 257).save(path)


def save_truncated(path: Path) -> None:
    seven().save(path)
    path.write_bytes(path.read_bytes()[:-900])


def save_rotated(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: rotated by 90 degrees
    seven().rotate(90, expand=True).save(path, exif=exif)


UNUSUAL_IMAGES: dict[str, Callable[[Path], object]] = {
    "empty.png": lambda path: path.write_bytes(b""),
    "truncated.jpg": lambda path: path.write_bytes(SEVEN.read_bytes()[:2000]),
    "truncated.png": save_truncated,
    "text.png": lambda path: path.write_text("seven"),
    "folder.png": lambda path: path.mkdir(),
    "pixel.png": lambda path: Image.new("L", (1, 1)).save(path),
    "cmyk.jpg": lambda path: seven().convert("CMYK").save(path),
    "sixteen.png": save_16_bit,
    "animated.gif": lambda path: seven().save(
        path, save_all=True, append_images=[Image.new("L", seven().size, 255)]
    ),
    "turned.jpg": save_rotated,
    "nowhere.png": lambda path: None,
}


@pytest.mark.parametrize("command", ["predict", "read"])
@pytest.mark.parametrize("name", UNUSUAL_IMAGES)
def test_unusual_images_match_this_machine(
    run_digits: Run, tmp_path: Path, name: str, command: str
) -> None:
    UNUSUAL_IMAGES[name](tmp_path / name)
    arm, here = (call(command, name, cwd=tmp_path) for call in (run_digits, run_installed))
    assert arm.stdout or arm.stderr
    assert (arm.returncode, arm.stdout, arm.stderr) == (here.returncode, here.stdout, here.stderr)
