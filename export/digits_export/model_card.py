"""The model cards: what a model is, how well it works and where its limits are.

M. Mitchell et al., "Model cards for model reporting" (FAT* 2019).
"""

from collections.abc import Iterator, Mapping, Sequence

from digits.inference.metadata import Metadata, ReaderMetadata, parse_objects
from digits_export.report import ReaderVariant, Variant
from digits_export.temperature import REJECTION_RATE
from digits_train.comparison import Comparison

_CLASSIFIER = """\
# {title}

Reads one handwritten digit, 0 to 9, in 28x28 pixels.

- **Network**: {architecture}, trained on {training_digits:,} digits with seed {seed}
- **Data**: {data}
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

Temperature and threshold were chosen on the validation digits. Nothing was tuned on the test
digits: no epoch, temperature or threshold.
"Changed" is the share of test digits read differently from the float file; "ECE" is the expected
calibration error in 15 bins; "time" is that of one digit with one thread on the machine that
exported the file.

## Limits

It has seen the handwriting of its data, and what its recipe adds: `frames` are digits of generated
pictures, in handwriting fonts, too, `outlier weight` is that of pictures of no digit. Without
those, letters and drawings get answers, too, often confident ones. MNIST was written by employees
of the US Census Bureau and American high-school students. It reads two touching digits as one. It
has not been tested for decisions about people, money or health; keep the original picture, and have
a person check answers below the threshold.
"""

_READER = """\
# {architecture} for handwritten digits on pages

Finds the digits, minus signs and decimal points or commas of a page.

- **Network**: {architecture}, trained on {training_pages:,} synthetic pages and crops with seed
  {seed}
- **Recipe**: {recipe}
- **Quantization**: {quantization}
- **Made by**: digits {digits_version}, from a checkpoint with SHA-256 `{checkpoint_sha256}`

## Use

Input `page`: uint8 [batch, 1, height, width], grey, 0 = black, 255 = white; sides that are
multiples of 8, at least 32. Outputs, at a stride of 4, float32 [batch, n, height / 4, width / 4]:
`centres` (n = 1), log odds that a symbol's centre is in the cell; `symbols` (12), logits of
`0123456789-.`; `boxes` (4), x and y of the box's centre from the cell's and logarithms of width and
height, in units of 16 pixels. Local contrast and calibration (temperatures {temperature:g} of the
symbols, {centre_temperature:g} of the centres, and a shift of {centre_shift:g}) are inside. `digits
read PICTURE` does the rest. Digits should be 10 to 60 pixels high.

## Figures

{table}

On {validation_pages:,} synthetic pages with {validation_symbols:,} symbols, drawn with validation
digits that it was not trained on; calibration was chosen on them, too. Times are those of the
network alone for a page of a megapixel and for 300x150 pixels, with one thread, on the machine that
exported the file.

## Limits

It was trained on synthetic pages alone, photographed by a synthetic camera. Handwritten words may
contain what looks like a digit to it. It has not been tested for decisions about people, money or
health; keep the original picture, and have a person check the numbers to review.
"""

_FINE_TUNED = """
## Fine-tuning

It began with the weights of the file with SHA-256 `{parent}`, and was fine-tuned on its owner's own
pictures. Share of errors, with 95 % confidence intervals:

{table}
"""


def render(about: Metadata, variants: Sequence[Variant]) -> str:
    """Render the card, in Markdown, of the file with this metadata."""
    recipe, data = parse_objects(about, "the exported file").values()
    values = vars(about) | {
        "title": f"{about.architecture} for handwritten digits",
        "recipe": _one_line(recipe),
        "data": "custom images" if "pictures" in data else "MNIST (LeCun, Cortes, Burges, 1998)",
        "accepted": 1 - REJECTION_RATE,
        "kernels": about.kernels.capitalize(),
        "table": _table([variant.row() for variant in variants]),
    }
    return _CLASSIFIER.format(**values)


def render_reader(about: ReaderMetadata, variants: Sequence[ReaderVariant]) -> str:
    """Render the card, in Markdown, of the reader's file with this metadata."""
    values = about._asdict() | {
        "recipe": _one_line(parse_objects(about, "the exported file")["recipe"]),
        "table": _table([variant.row() for variant in variants]),
    }
    return _READER.format(**values)


def render_comparison(parent: str | None, compared: Sequence[Comparison]) -> str:
    """Render the section about a fine-tuning. parent: SHA-256 of the file it started from."""
    return _FINE_TUNED.format(parent=parent, table=_table([each.row() for each in compared]))


def _one_line(recipe: dict[str, object]) -> str:
    return ", ".join(_flatten(recipe))


def _flatten(values: dict[str, object], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key} ")
        elif value is not None:
            yield f"{prefix}{key.replace('_', ' ')} {value}"


def _table(rows: Sequence[Mapping[str, object]]) -> str:
    """A table in Markdown."""
    lines = (" | ".join(map(str, row)) for row in (rows[0], *(row.values() for row in rows)))
    first, *others = (f"| {line} |" for line in lines)
    return "\n".join([first, "|" + "---|" * len(rows[0]), *others])
