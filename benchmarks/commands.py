"""Command lines that read a picture or a folder of them: ours, other packages', plain scripts.

digit-recognizer-py and ccexam are packages on PyPI that also come with a trained network and a
command to read pictures.
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from digits.inference.model_file import BUNDLED

PICTURE = Path(__file__).parents[1] / "tests" / "pictures" / "0.png"

# The least code to read a picture that needs no preprocessing.
MINIMAL = f"""
import sys
import numpy as np, onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession({BUNDLED!r}, providers=["CPUExecutionProvider"])
for path in sys.argv[1:]:
    pixels = np.asarray(Image.open(path).convert("L"))[None, None]
    print(session.run(None, {{"images": pixels}})[0].argmax())
"""
TORCH = """
import sys
import numpy as np, torch
from PIL import Image
from digits_train.models import LeNet5
torch.set_num_threads(1)
pixels = np.array(Image.open(sys.argv[1]).convert("L"))[None, None]
with torch.inference_mode():
    print(LeNet5().eval()(torch.tensor(pixels)).argmax().item())
"""
# digit-recognizer-py has no command for a folder.
PEER = """
import sys, torch
from pathlib import Path
from digit_recognizer import DigitRecognizer
if sys.argv[1] != "default":
    torch.set_num_threads(int(sys.argv[1]))
recognizer = DigitRecognizer()
for path in sorted(Path(sys.argv[2]).iterdir()):
    print(recognizer.predict(path))
"""


@dataclass(frozen=True)
class Command:
    name: str
    words: list[str]
    answer: str = ""  # a pattern in its output for PICTURE
    needs: str = "digits"  # the package that it needs

    def run(self) -> None:
        subprocess.run(self.words, check=True, capture_output=True)

    def check(self) -> None:
        """Raise AssertionError if the command fails or reads another digit."""
        done = subprocess.run(self.words, capture_output=True, text=True)
        assert done.returncode == 0, f"{self.name}: {done.stderr}"
        assert re.search(self.answer, done.stdout + done.stderr), f"{self.name}: {done.stdout}"


def one_picture() -> list[Command]:
    """The commands that read PICTURE, ours first."""
    picture = str(PICTURE)
    peer, other = "digit_recognizer", "ccexam"
    return installed(
        Command("digits predict 0.png", [script("digits"), "predict", picture], "^0 "),
        Command(
            "digits predict --json 0.png",
            [script("digits"), "predict", "--json", picture],
            '"digit": 0',
        ),
        Command(
            "a script with onnxruntime and Pillow alone",
            [sys.executable, "-c", MINIMAL, picture],
            "^0$",
        ),
        # Its weights are random, so its answer is meaningless.
        Command("a script with PyTorch", [sys.executable, "-c", TORCH, picture]),
        Command("digit-recognizer 0.png", [script("digit-recognizer"), picture], "^0$", peer),
        Command(
            "ccexam-infer --input 0.png",
            [script("ccexam-infer"), "--input", picture],
            "Predicted digit: 0",
            other,
        ),
    )


def whole_folder(folder: Path) -> list[Command]:
    """The commands that read all pictures in a folder."""
    path, digits = str(folder), [script("digits"), "predict"]
    files = sorted(map(str, folder.iterdir()))
    loop, peer = [sys.executable, "-c", PEER], "digit_recognizer"
    return installed(
        Command("digits predict --jobs 1 FOLDER", [*digits, "--jobs", "1", path]),
        Command("digits predict --jobs 2 FOLDER", [*digits, "--jobs", "2", path]),
        Command(
            "a script with onnxruntime and Pillow alone", [sys.executable, "-c", MINIMAL, *files]
        ),
        Command("digit-recognizer-py in a loop", [*loop, "default", path], "", peer),
        Command("digit-recognizer-py in a loop, one thread", [*loop, "1", path], "", peer),
        Command(
            "ccexam-infer --input FOLDER", [script("ccexam-infer"), "--input", path], "", "ccexam"
        ),
    )


def installed(*commands: Command) -> list[Command]:
    for command in commands:
        if not find_spec(command.needs):
            print(f"{command.name}: skipped, {command.needs} is not installed")
    return [command for command in commands if find_spec(command.needs)]


def script(name: str) -> str:
    """The path of a command that pip installed."""
    return str(Path(sys.executable).with_name(name))
