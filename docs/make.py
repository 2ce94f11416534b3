"""Draw the README's pipeline.png; `make model` does so, and brings curves.png from its run.

The sample pictures, the 28x28 pixels that the network sees of each, and its answer.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from digits import Classifier, ink, picture

HERE = Path(__file__).parent
SAMPLES = sorted((HERE.parent / "tests" / "pictures").glob("[0-9].*"))


def frame(path: Path) -> np.ndarray:
    """The 28x28 pixels that the network sees."""
    strokes = ink.extract(picture.load(path).grey)
    return ink.frame(strokes, *ink.find_digit(strokes))


def shown(path: Path) -> Image.Image:
    """The picture as a program shows it: upright, a chequerboard where it is transparent."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode.startswith("I"):
        return Image.fromarray(picture.load(path).grey).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    rows, columns = np.indices((image.height, image.width)) // 8
    board = Image.fromarray(np.where((rows + columns) % 2, 255, 215).astype(np.uint8))
    board = board.convert("RGBA")
    board.alpha_composite(image.convert("RGBA"))
    return board.convert("RGB")


def main() -> None:
    predictions = Classifier().predict_batch(SAMPLES)
    figure = Figure(figsize=(12, 3.1), layout="constrained")
    upper, lower = figure.subplots(2, len(SAMPLES))
    for axes in (*upper, *lower):
        axes.set(xticks=[], yticks=[])
    for column, (path, prediction) in enumerate(zip(SAMPLES, predictions, strict=True)):
        upper[column].imshow(ImageOps.pad(shown(path), (300, 300), color="white"))
        lower[column].imshow(frame(path), cmap="gray")
        lower[column].set_xlabel(
            f"{prediction.digit}   ({100 * prediction.confidence:.1f} %)", fontsize=11
        )
    upper[0].set_ylabel("picture")
    lower[0].set_ylabel("28x28 pixels")
    figure.savefig(HERE / "pipeline.png", dpi=100)


if __name__ == "__main__":
    main()
