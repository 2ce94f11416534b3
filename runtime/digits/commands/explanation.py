"""Draw how a network computes its prediction, step by step: `digits predict --explain`."""

from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from digits.classifier import Classifier, Examination
from digits.commands.drawing import BACKDROP, SURE, UNSURE, Colour, percent
from digits.inference.feature_maps import FeatureMaps, feature_maps
from digits.prediction import Prediction
from digits.second_opinion import Opinion
from digits.vision.frame import SIDE

_CONVOLUTIONS = 2
_MAX_MAPS = 64  # of a layer, in eight rows of eight
_OPERATORS = {"Relu": "ReLU", "MaxPool": "max pool"}
_OTHER_BARS = (150, 150, 150)

# In pixels, so that the maps of both networks fill the height.
_HEIGHT = 560
_FRAME_SCALE = 10  # of the 28x28 pixels
_BAR = 260  # its length at 100 %
_GAP, _MAP_GAP = 40, 4
_TEXT = 26  # the size of the font
_LINE = 34


def draw(classifier: Classifier, examined: Examination, prediction: Prediction) -> Image.Image:
    """Draw the network's input, the maps after two convolutions, and the ten probabilities.

    They are those of the most probable hypothesis. Below is the answer, and what the reader sees,
    if it was asked. examined: with at least one hypothesis. Raises ModelError if the network has no
    convolution.
    """
    best = int(examined.judgement.hypotheses.argmax())
    frame = examined.frames[best]
    found = feature_maps(classifier.model, frame, _CONVOLUTIONS)
    colour = UNSURE if prediction.digit is None else SURE
    panels = [
        (_enlarged(frame, SIDE * _FRAME_SCALE), ["input", f"{SIDE}x{SIDE} pixels"]),
        *((_grid(maps.values), _title(place, maps)) for place, maps in enumerate(found)),
        (_bars(examined.answers[best], colour), ["softmax", "10 probabilities"]),
    ]
    legend = "In the maps, white is the largest value of the layer."
    below = [f"answer: {prediction.to_text()}        {legend}"]
    if examined.opinion:
        below.append(_second_opinion(examined.opinion))
    return _row(panels, below)


def _second_opinion(opinion: Opinion) -> str:
    digit = int(opinion.probabilities.argmax())
    return (
        f"second opinion, of the reader: {digit}  ({percent(opinion.probabilities[digit])})"
        f"        several digits {percent(opinion.several)}        no digit {percent(opinion.none)}"
    )


def _title(place: int, maps: FeatureMaps) -> list[str]:
    after = [_OPERATORS[operator] for operator in maps.operators if operator in _OPERATORS]
    count, height, width = maps.values.shape
    of = f"{_MAX_MAPS} of " if count > _MAX_MAPS else ""
    plural = "map" if count == 1 else "maps"
    return [
        ", ".join([f"convolution {place + 1}", *after]),
        f"{of}{count} {plural} of {height}x{width}",
    ]


def _grid(values: NDArray[np.float32]) -> Image.Image:
    """Draw the first maps of a layer side by side, on one grey scale."""
    shown = np.nan_to_num(values[:_MAX_MAPS]).astype(np.float64)
    low = min(shown.min(), 0.0)  # black, after a ReLU
    grey = (255 * (shown - low) / max(shown.max() - low, 1e-12)).astype(np.uint8)
    rows = ceil(sqrt(len(grey)))
    columns = ceil(len(grey) / rows)
    tiles = [_enlarged(one, (_HEIGHT + _MAP_GAP) // rows - _MAP_GAP) for one in grey]
    width, height = tiles[0].width + _MAP_GAP, tiles[0].height + _MAP_GAP
    size = columns * width - _MAP_GAP, rows * height - _MAP_GAP
    grid = Image.new("RGB", size, BACKDROP)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        grid.paste(tile, (column * width, row * height))
    return grid


def _enlarged(grey: NDArray[np.uint8], side: int) -> Image.Image:
    """Enlarge the picture by the largest integer factor that fits the side."""
    scale = side / max(grey.shape)
    if scale >= 1:
        scale = int(scale)
    size = [max(1, round(length * scale)) for length in reversed(grey.shape)]
    method = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    return Image.fromarray(grey).resize((size[0], size[1]), method)


def _bars(probabilities: NDArray[np.float32], colour: Colour) -> Image.Image:
    """Draw a bar for each digit's probability, the longest in colour."""
    font = ImageFont.load_default(_TEXT)
    left, right = 2 * _LINE, round(font.getlength(" 100.0 %")) + _GAP // 4
    panel = Image.new("RGB", (left + _BAR + right, _HEIGHT), "white")
    pen, step = ImageDraw.Draw(panel), _HEIGHT // len(probabilities)
    for digit, probability in enumerate(probabilities.tolist()):
        middle, end = digit * step + step // 2, left + round(_BAR * probability)
        pen.text((left - _LINE, middle), f"{digit}", fill="black", font=font, anchor="mm")
        fill = colour if digit == probabilities.argmax() else _OTHER_BARS
        pen.rectangle((left, middle - step // 3, end, middle + step // 3), fill=fill)
        pen.text((end, middle), f" {percent(probability)}", fill="black", font=font, anchor="lm")
    return panel


def _row(panels: Sequence[tuple[Image.Image, list[str]]], below: list[str]) -> Image.Image:
    """Draw panels side by side, with text above each and lines below all."""
    font = ImageFont.load_default(_TEXT)
    widths = [
        max(panel.width, *(ceil(font.getlength(line)) for line in title)) for panel, title in panels
    ]
    top = _GAP + 2 * _LINE
    longest = max(ceil(font.getlength(line)) for line in below)
    width = max(sum(widths) + _GAP * (len(panels) + 1), longest + 2 * _GAP)
    bottom = top + _HEIGHT + _GAP
    image = Image.new("RGB", (width, bottom + len(below) * _LINE + _GAP // 2), "white")
    pen, left = ImageDraw.Draw(image), _GAP
    for (panel, title), own in zip(panels, widths, strict=True):
        for number, line in enumerate(title):
            place = left + own // 2, _GAP // 2 + number * _LINE
            pen.text(place, line, fill="black", font=font, anchor="ma")
        image.paste(panel, (left + (own - panel.width) // 2, top + (_HEIGHT - panel.height) // 2))
        left += own + _GAP
    for number, line in enumerate(below):
        pen.text((_GAP, bottom + number * _LINE), line, fill="black", font=font)
    return image
