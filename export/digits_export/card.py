"""The model card: what a model is, what it is worth and where it ends, for whoever gets the file.

M. Mitchell et al., "Model cards for model reporting" (FAT* 2019).
"""

import json
from collections.abc import Iterator

from digits.models.metadata import Metadata
from digits_export.calibration import REJECTED
from digits_export.judge import Form

_CARD = """\
# {title}

Reads one handwritten digit, 0 to 9, in 28x28 pixels.

- **Network**: {architecture}, trained on {training_digits:,} {digits} with seed {seed}{teacher}
- **Recipe**: {recipe}
- **Quantization**: {quantization}
- **Made by**: digits {digits_version}, from a checkpoint with SHA-256 `{checkpoint_sha256}`

## Use

Input `images`: uint8 [batch, 1, 28, 28], 0 = paper, 255 = ink, the digit's longer side 20
pixels and its centre of mass in the middle. Output `probabilities`: float32 [batch, 10].
Scaling, softmax and the calibration temperature ({temperature:g}) are inside. `digits predict
PICTURE` does the rest.
An answer with less than {rejection_threshold:.2%} confidence is better taken for none;
{reached:.1%} of the validation digits reach that. {kernels} kernels run this file fastest.

## Figures

{table}

{validation}. The test digits chose nothing: no epoch, temperature or threshold.
"Changed" is the share of test digits read differently from the checkpoint; "ECE" the expected
calibration error in 15 bins; "time" that of one digit with one thread on the machine that
exported.

## Limits

{hands} {outliers}
Two digits that touch are one picture to it. It has not been tested for decisions about people,
money or health; keep the original picture, and let a person look at what is below the threshold.
"""

_MNIST_S_HANDS = """\
MNIST was written by employees of the US Census Bureau and American high-school students. {rare}"""
_RARE = "Sevens with a bar, ones with a long upstroke and other hands are rare in it."
_DRAWN = "It knows other hands only from digits that were drawn from models of strokes."


def write(about: Metadata, forms: list[Form], validated: bool) -> str:
    """The card, in Markdown, of the file that `about` describes.

    validated: whether the validation digits were kept from training.
    """
    recipe = json.loads(about.recipe)
    mnist = "pictures" not in json.loads(about.data_sha256)
    values = vars(about) | {
        "title": f"{about.architecture} for handwritten digits",
        "recipe": ", ".join(_flat(recipe)),
        "digits": "digits of MNIST (LeCun, Cortes and Burges, 1998)" if mnist else "own pictures",
        "teacher": f", taught by `{about.teacher_sha256}`" if about.teacher_sha256 else "",
        "reached": 1 - REJECTED,
        "kernels": about.kernels.capitalize(),
        "table": _table(forms),
        "validation": (
            "The validation digits chose temperature and threshold"
            if validated
            else "The network trained on the validation digits too: what they say is too good"
        ),
        "hands": _hands(mnist, drawn=bool(recipe.get("drawn"))),
        "outliers": (
            "Letters and drawings mostly get less than that confidence, but not always."
            if recipe.get("outliers")
            else "The network has seen nothing but digits: a letter or a drawing gets an answer"
            " too, often a sure one."
        ),
    }
    return _CARD.format(**values)


def _hands(mnist: bool, drawn: bool) -> str:
    if mnist:
        return _MNIST_S_HANDS.format(rare=_DRAWN if drawn else _RARE)
    return _DRAWN if drawn else "Hands that are not in its pictures are new to it."


def _flat(values: dict[str, object], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key} ")
        elif value is not None:
            yield f"{prefix}{key.replace('_', ' ')} {value}"


def _table(forms: list[Form]) -> str:
    lines = [
        "| form | kernels | size | validation | test | ECE | changed | time |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {form.name} | {form.kernels} | {form.bytes:,} bytes | {form.validation_accuracy:.2%}"
        f" | {form.test_accuracy:.2%} | {form.test_calibration_error:.2%} | {form.changed:.2%}"
        f" | {form.microseconds:,.0f} µs |"
        for form in forms
    ]
    return "\n".join(lines)
