"""The model card: what a model is, how well it works and where its limits are.

M. Mitchell et al., "Model cards for model reporting" (FAT* 2019).
"""

import json
from collections.abc import Iterator

from digits.inference.metadata import Metadata
from digits_export.evaluate import Variant
from digits_export.temperature import REJECTION_RATE

_TEMPLATE = """\
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
Reject answers with less than {rejection_threshold:.2%} confidence; {accepted:.1%} of the validation
digits reach that. {kernels} kernels run this file fastest.

## Figures

{table}

{validation}. Nothing was tuned on the test digits: no epoch, temperature or threshold.
"Changed" is the share of test digits read differently from the checkpoint; "ECE" is the expected
calibration error in 15 bins; "time" is that of one digit with one thread on the machine that
exported the file.

## Limits

{handwriting} {outliers}
It reads two touching digits as one. It has not been tested for decisions about people, money or
health; keep the original picture, and have a person check answers below the threshold.
"""

_MNIST = "MNIST was written by employees of the US Census Bureau and American high-school students."
_RARE = "Sevens with a bar, ones with a long upstroke and other handwriting are rare in it."
_SYNTHETIC = "Other handwriting was learned only from synthetic digits, drawn from stroke models."


def render(about: Metadata, variants: list[Variant], validated: bool) -> str:
    """Render the card, in Markdown, of the file with this metadata.

    validated: whether the validation digits were held out from training.
    """
    recipe = json.loads(about.recipe)
    mnist = "pictures" not in json.loads(about.data_sha256)
    values = vars(about) | {
        "title": f"{about.architecture} for handwritten digits",
        "recipe": recipe_text(about.recipe),
        "digits": "digits of MNIST (LeCun, Cortes and Burges, 1998)" if mnist else "custom images",
        "teacher": f", distilled from `{about.teacher_sha256}`" if about.teacher_sha256 else "",
        "accepted": 1 - REJECTION_RATE,
        "kernels": about.kernels.capitalize(),
        "table": _table(variants),
        "validation": (
            "Temperature and threshold were chosen on the validation digits"
            if validated
            else "It was trained on the validation digits too; accuracy on them is optimistic"
        ),
        "handwriting": _handwriting(mnist, synthetic=bool(recipe.get("drawn"))),
        "outliers": (
            "Letters and drawings mostly get less than that confidence, but not always."
            if recipe.get("outliers")
            else "The network has only seen digits: a letter or a drawing gets an answer too, often"
            " a confident one."
        ),
    }
    return _TEMPLATE.format(**values)


def recipe_text(recipe: str) -> str:
    """Render a recipe, which is JSON in the metadata, on one line."""
    return ", ".join(_flatten(json.loads(recipe)))


def _handwriting(mnist: bool, synthetic: bool) -> str:
    if mnist:
        return f"{_MNIST} {_SYNTHETIC if synthetic else _RARE}"
    return _SYNTHETIC if synthetic else "It knows no handwriting but that in its pictures."


def _flatten(values: dict[str, object], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key} ")
        elif value is not None:
            yield f"{prefix}{key.replace('_', ' ')} {value}"


def _table(variants: list[Variant]) -> str:
    lines = [
        "| form | kernels | size | validation | test | ECE | changed | time |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.name} | {one.kernels} | {one.bytes:,} bytes | {one.validation_accuracy:.2%}"
        f" | {one.test_accuracy:.2%} | {one.test_calibration_error:.2%} | {one.disagreement:.2%}"
        f" | {one.microseconds:,.0f} µs |"
        for one in variants
    ]
    return "\n".join(lines)
