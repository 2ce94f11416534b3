"""The model cards: what a model is, how well it works and where its limits are.

M. Mitchell et al., "Model cards for model reporting" (FAT* 2019).
"""

from collections.abc import Sequence
from dataclasses import asdict

from digits.inference.metadata import AnyMetadata
from digits_export.temperature import REJECTION_RATE
from digits_train.data.datasets import OWN_CHECKSUM_NAME
from digits_train.experiment import Experiment, changes

_CARD = """\
# {architecture} for handwritten digits

- **Network**: {architecture}, trained on {examples} with seed {seed}
- **Data**: {data}
- **Recipe**: {recipe}{changes}
- **Quantization**: {quantization}
- **Made by**: digits {digits_version}, from a checkpoint with SHA-256 `{checkpoint_sha256}`

## Use

{use}

## Figures

{table}

{figures}

## Limits

{limits} It has not been tested for decisions about people, money or health; keep the original
picture, and have a person check what is unsure.
"""

_MNIST = "MNIST (LeCun, Cortes, Burges, 1998)"

# What the cards of each task say, by placeholders of _CARD.
_TEXTS = {
    "classifier": {
        "examples": "{training_digits:,} digits",
        "use": """\
Reads one digit. Input `images`: uint8 [batch, 1, 28, 28], 0 = paper, 255 = ink, the digit's longer
side 20 pixels and its centre of mass in the middle. Output `probabilities`: float32 [batch, 10].
Scaling, softmax and the calibration temperature ({temperature:g}) are inside. `digits predict
PICTURE` does the rest. Reject answers with less than {rejection_threshold:.2%} confidence;
{accepted:.1%} of the validation digits reach that. This file is fastest with {kernels} kernels.""",
        "figures": """\
Temperature and threshold were chosen on the validation digits, and nothing on the test digits.
"Changed" is the share of these read differently from the float file; "ECE" is the expected
calibration error in 15 bins.""",
        "limits": """\
It has seen the handwriting of its data, and what its recipe adds: `frames` are digits of generated
pictures, in handwriting fonts, too, `outlier_weight` is that of pictures of no digit. Without
those, letters and drawings get answers, too, often confident ones. MNIST was written by employees
of the US Census Bureau and American high-school students. It reads two touching digits as one.""",
    },
    "detector": {
        "examples": "{training_pages:,} windows of synthetic pages",
        "use": """\
Finds the digits, minus signs and decimal points or commas of a page. Input `page`: uint8 [batch, 1,
height, width], grey, 0 = black, 255 = white; sides that are multiples of 16, at least 32. Outputs,
at a stride of 4, float32 [batch, n, height / 4, width / 4]: `centres` (n = 1), log odds that a
symbol's centre is in the cell; `symbols` (12), logits of `0123456789-.`; `boxes` (4), x and y of
the box's centre from the cell's and logarithms of width and height, in units of 16 pixels. Scaling
and calibration (temperatures {temperature:g} of the symbols, {centre_temperature:g} of the centres,
and a shift of {centre_shift:g}) are inside. `digits read PICTURE` does the rest. Digits should be
10 to 60 pixels high.""",
        "figures": """\
On {validation_pages:,} synthetic pages with {validation_symbols:,} symbols, drawn with validation
digits that it was not trained on; calibration was chosen on them, too.""",
        "limits": """\
It was trained on synthetic pages alone, photographed by a synthetic camera. Handwritten words may
contain what looks like a digit to it.""",
    },
    "recognizer": {
        "examples": "{training_crops:,} crops of synthetic pages",
        "use": """\
Reads the level crop of one number, or of none, by connectionist temporal classification (CTC).
Input `images`: uint8 [batch, 1, 48, width], a multiple of 16 wide, 64 = paper, 192 = ink. Output
`log_probabilities`: float32 [batch, width / 4, 13], at every four pixels, of `0123456789-.` and of
no symbol. The calibration temperature ({temperature:g}) is inside. `digits read PICTURE` does the
rest: it shows the network each number several times, and averages what it says of texts.""",
        "figures": """\
On {validation_crops:,} synthetic crops, {validation_numbers:,} of them with a number, by hands that
it was not trained on; calibration was chosen on them, too. "Exact" is the share of these numbers
read without an error, "errors" the wrong, missed and invented symbols as a share of those that are
there, "invented" the share of the other crops in which a number is read, and "loss" the mean
negative log probability of what is written, in nats.""",
        "limits": """\
It was trained on synthetic pages alone, photographed by a synthetic camera.""",
    },
}


def render(metadata: AnyMetadata, experiment: Experiment, table: Sequence[Sequence[str]]) -> str:
    """Render the card, in Markdown, of the file with this metadata.

    table: of the file's variants.
    """
    changed = [f"`{change}`" for change in changes(experiment)]
    data = "custom images" if "pictures" in experiment.data_sha256 else _MNIST
    data += " and its owner's pictures" * (OWN_CHECKSUM_NAME in experiment.data_sha256)
    values = asdict(metadata) | {
        "accepted": 1 - REJECTION_RATE,
        "data": data,
        "recipe": experiment.recipe.name,
        "changes": f" with {', '.join(changed)}" if changed else "",
        "table": _markdown(table),
    }
    texts = {name: text.format(**values) for name, text in _TEXTS[metadata.task].items()}
    card = _CARD.format(**values, **texts)
    return card


def _markdown(table: Sequence[Sequence[str]]) -> str:
    head, *rows = (f"| {' | '.join(row)} |" for row in table)
    return "\n".join([head, "|" + "---|" * len(table[0]), *rows])
