"""The model card of a reader; see `model_card`."""

from collections.abc import Sequence

from digits.inference.metadata import ReaderMetadata
from digits_export.model_card import recipe_text
from digits_export.reader_evaluate import REJECTION_RATE, ReaderVariant

_TEMPLATE = """\
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
read PICTURE` does the rest. Digits should be 10 to 60 pixels high. Reject symbols with less than
{rejection_threshold:.2%} confidence; {accepted:.0%} of those read right reach that.

## Figures

{table}

On {validation_pages:,} synthetic pages with {validation_symbols:,} symbols, drawn with validation
digits that it was not trained on; calibration and threshold were chosen on them, too. "Time" is
that of the network alone, with one thread, on the machine that exported the file: for a page of a
megapixel, and for 300x150 pixels.

## Limits

It was trained on synthetic pages alone, photographed by a synthetic camera. Handwritten words may
contain what looks like a digit to it. It has not been tested for decisions about people, money or
health; keep the original picture, and have a person check answers below the threshold.
"""


def render(about: ReaderMetadata, variants: Sequence[ReaderVariant]) -> str:
    """Render the card, in Markdown, of the file with this metadata."""
    values = about._asdict() | {
        "recipe": recipe_text(about.recipe),
        "accepted": 1 - REJECTION_RATE,
        "table": _table(variants),
    }
    return _TEMPLATE.format(**values)


def _table(variants: Sequence[ReaderVariant]) -> str:
    lines = [
        "| form | size | errors | missed | wrong | invented | exact pages | time |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.name} | {one.bytes:,} bytes | {one.error:.2%} | {one.missed} | {one.wrong}"
        f" | {one.invented} | {one.exact_pages} | {one.milliseconds:,.0f} ms,"
        f" {one.crop_milliseconds:,.1f} ms |"
        for one in variants
    ]
    return "\n".join(lines)
