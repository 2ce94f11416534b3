"""How well `digits read` finds and reads symbols, on pages and numbers that it wasn't trained on.

    python -m benchmarks.reader [--model READER.onnx] [--before CHECKOUT] [--threads N]

The digits are those of MNIST's validation set that fit nothing; --before reads the same pictures
with an earlier checkout of the project, too. All digits that are written count: missed, wrong or
invented (read where none is), of all numbers, accepted or not. Signs, minus and point, count apart.
A sure digit is one of an accepted number.

- pages as in training (digits_train/camera/page.py), pages of kinds, pens and hands that training
  never shows (benchmarks/held_back.py), and of kinds that it came to show;
- pairs that touch or are joined; 11, 111, 101 and 10 to 19 drawn with a pen;
- pages without any digit: print, words in each of the hands that training never shows, shapes,
  textures, empty sheets;
- photographed pages in ../shared/photos, if they are there, by the most probable digits;
- the times of an A4 photo and of a small crop, from the file on.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import held_back
from benchmarks.reader_pictures import (
    EMPTY,
    FILES,
    HANDWRITING,
    JOINED,
    REAL,
    SIGNED,
    STROKES,
    TOUCHING,
    TRAINED,
    Picture,
    pictures,
)
from digits.evaluation import calibration_gaps
from digits.page_evaluation import align
from digits.terminal import progress_bar

ROOT = Path(__file__).parents[1]
SIGNS = "-."
# They are measured together, and each kind of them on its own.
GROUPS = {
    TRAINED: (TRAINED,),
    "kinds held back": held_back.KINDS,
    "kinds once held back": held_back.ONCE_HELD_BACK,
}


class Character(NamedTuple):
    """shown: a symbol of an accepted number, or `?`. best: its symbol. confidence: 0 to 1."""

    shown: str
    best: str
    confidence: float

    @property
    def is_sign(self) -> bool:
        return self.best in SIGNS


class Answer(NamedTuple):
    """What was read of a picture, and what is on it, without blanks."""

    text: str
    letters: int
    characters: list[Character]
    seconds: float

    @property
    def digits(self) -> str:
        """Without signs, of all numbers."""
        return "".join(each.best for each in self.characters if not each.is_sign)

    @property
    def sure_digits(self) -> int:
        return sum(character.shown.isdigit() for character in self.characters)

    @property
    def written(self) -> str:
        """The digits written, without signs."""
        return "".join(character for character in self.text if character.isdigit())


class Reading:
    """A process that reads pictures with the runtime of a checkout."""

    def __init__(self, checkout: Path, model: str | None, threads: int = 1) -> None:
        script = Path(__file__).with_name("read_pictures.py")
        paths = os.pathsep.join([str(checkout / "runtime"), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [sys.executable, script, str(threads), *([model] if model else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
        )

    def read(self, picture: Picture) -> Answer:
        assert self.process.stdin and self.process.stdout
        header = json.dumps(picture.image.shape).encode() + b"\n"
        self.process.stdin.write(header + picture.image.tobytes())
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the reading process has ended")
        symbols, seconds = json.loads(line)
        text = "".join(picture.text.split())
        return Answer(text, picture.letters, [Character(*symbol) for symbol in symbols], seconds)

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def calibration_error(answers: Sequence[Answer]) -> float:
    """The expected calibration error of all digits read, with 15 bins."""
    confidence: list[float] = []
    right: list[bool] = []
    for answer in answers:
        digits = [character for character in answer.characters if not character.is_sign]
        confidence += [digit.confidence for digit in digits]
        right += align(answer.digits, answer.written).right
    return float(np.abs(calibration_gaps(confidence, right)).sum() / max(len(right), 1))


def page_figures(answers: Sequence[Answer]) -> dict[str, float]:
    """Shares of the digits written, and of exact pages, in percent."""
    scores = np.array([align(answer.digits, answer.written).score for answer in answers])
    digits, missed, wrong, invented = scores.sum(0).tolist()
    unsure = sum(each.shown == "?" for answer in answers for each in answer.characters)
    return {
        "errors": 100 * (missed + wrong + invented) / digits,
        "missed": 100 * missed / digits,
        "wrong": 100 * wrong / digits,
        "invented": 100 * invented / digits,
        "exact pages": 100 * float((scores[:, 1:].sum(1) == 0).mean()),
        "of numbers to review": 100 * unsure / digits,
        "calibration error": 100 * calibration_error(answers),
    }


def sign_figures(signed: Sequence[Answer], others: Sequence[Answer]) -> dict[str, float]:
    """others: pages without any sign."""
    written = right_signs = invented = digits = 0
    for answer in (*signed, *others):
        shown = [character.best for character in answer.characters]
        right = align("".join(shown), answer.text).right
        written += sum(character in SIGNS for character in answer.text)
        digits += len(answer.written)
        signs = [fits for fits, symbol in zip(right, shown, strict=True) if symbol in SIGNS]
        right_signs, invented = right_signs + sum(signs), invented + len(signs) - sum(signs)
    return {
        "minus and point: found": 100 * right_signs / written,
        "minus and point: invented, per digit": 100 * invented / digits,
    }


def figures(answers: dict[str, list[Answer]]) -> dict[str, float]:
    """All figures by their names, in percent."""
    table: dict[str, float] = {}
    for group, kinds in GROUPS.items():
        some = [answer for kind in kinds for answer in answers[kind]]
        table |= {f"{group}: {name}": value for name, value in page_figures(some).items()}
        for kind in kinds if len(kinds) > 1 else ():
            table[f"    {kind}: errors"] = page_figures(answers[kind])["errors"]
    for kind in (TOUCHING, JOINED, STROKES):
        exact = [answer.digits == answer.written for answer in answers[kind]]
        table[f"{kind}: right"] = 100 * float(np.mean(exact))
    held = [answer for kind in held_back.KINDS for answer in answers[kind]]
    table |= sign_figures(answers[SIGNED], held)
    hands = {kind: some for kind, some in answers.items() if kind.startswith(HANDWRITING)}
    words = [answer for some in hands.values() for answer in some]
    for kind, some in (*((kind, answers[kind]) for kind in EMPTY), (HANDWRITING, words)):
        sure = [answer.sure_digits > 0 for answer in some]
        table[f"{kind}: pictures with a sure digit"] = 100 * float(np.mean(sure))
    for kind, some in {HANDWRITING: words, **hands}.items():
        letters = sum(answer.letters for answer in some)
        rate = 100 * sum(answer.sure_digits for answer in some) / letters
        table[f"{kind}: sure digits per 100 letters"] = rate
    if answers[REAL]:
        real = page_figures(answers[REAL])
        table |= {f"photos: {name}": real[name] for name in ("errors", "exact pages")}
    pages = [answer for kinds in GROUPS.values() for kind in kinds for answer in answers[kind]]
    for name, some in {"a page": pages, **{kind: answers[kind] for kind in FILES}}.items():
        table[f"{name}: median ms"] = 1000 * float(np.median([answer.seconds for answer in some]))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", help="a reader's ONNX file; by default the bundled one")
    parser.add_argument("--before", type=Path, help="an earlier checkout, to read the same")
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1, help="that read a page")
    parser.add_argument("--json", action="store_true", help="end with a line of JSON")
    options = parser.parse_args()
    readings = {"now": Reading(ROOT, options.model, options.threads)}
    if options.before:
        readings["before"] = Reading(options.before, None, options.threads)
    answers = {name: defaultdict[str, list[Answer]](list) for name in readings}
    with progress_bar() as bar:
        for picture in bar.track(pictures(options.pages), description="pictures"):
            for name, reading in readings.items():
                answers[name][picture.kind].append(reading.read(picture))
    tables = {name: figures(by_kind) for name, by_kind in answers.items()}
    print(f"{'':70}" + "".join(f"{name:>9}" for name in tables))
    for row in tables["now"]:
        print(f"{row:70}" + "".join(f"{table[row]:9.2f}" for table in tables.values()))
    if options.json:
        print(json.dumps(tables))
    for reading in readings.values():
        reading.close()


if __name__ == "__main__":
    main()
