"""Ablation of LeNet-5's recipe `default`: train it without each of its ingredients.

    python -m benchmarks.ablation [--epochs N] [VARIANT ...]

Each network is trained (seed 0), exported, and evaluated on: MNIST's validation digits; those
digits as photographed by the synthetic camera, with mixed factors; UCI's optdigits; other people's
pictures, if they are next to the checkout; 1s with an upstroke and crossed 7s, which no network has
seen; drawn digits in the styles on which one variant isn't trained; MNIST's validation digits,
corrupted as in MNIST-C; digits in handwriting fonts that no training shows; and letters in unseen
fonts and in these, of which the rejected share is counted.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from benchmarks import camera, continental, corruptions, nondigits, optdigits, photos
from digits import Classifier
from digits.data import mnist
from digits.images.picture import Source
from digits_export.export import ExportConfig, export_run
from digits_train import fontwriting, models, trainer
from digits_train.camera import fonts
from digits_train.config import WRITING, TrainConfig
from digits_train.handwriting import digits as handwriting

SEED = 0
CAMERA, DRAWN, DAMAGED = 1000, 2000, 500  # digits, for DAMAGED of each corruption

HELD_BACK = (
    *("1 medium upstroke", "1 long upstroke", "1 upstroke and foot"),
    *("7 crossed", "7 crossed and hooked", "4 open", "4 lightning", "0 slashed"),
)

# Changes of the recipe, and styles of handwriting to hold back.
VARIANTS: dict[str, tuple[dict[str, Any], Sequence[str]]] = {
    "default": ({}, ()),
    "some styles held back": ({}, HELD_BACK),
    "no drawn hands": ({"drawn": 0.0}, ()),
    "no handwriting fonts": ({"fonts": 0.0}, ()),
    "no photographs": ({"photographed": 0.0}, ()),
    "no lines, paper, specks": ({"augmentation": WRITING}, ()),
    "nothing that is no digit": ({"outlier_weight": 0.0}, ()),
}

Score = Callable[[Classifier], float]


def share_right(classifier: Classifier, pictures: Sequence[Source], labels: Sequence[int]) -> float:
    answers = [prediction.top1 for prediction in classifier.predict_batch(pictures)]
    return float(np.mean(np.array(answers) == np.array(labels)))


def frames_right(classifier: Classifier, frames: NDArray[np.uint8], labels: Any) -> float:
    return float((classifier.model.probabilities(frames).argmax(1) == labels).mean())


def share_rejected(classifier: Classifier, letters: Sequence[Source]) -> float:
    return float(nondigits.answers(classifier, letters).rejected.mean())


def held_back() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw digits in the styles that one variant hasn't seen."""
    styles = {f"{digit} {name}" for digit, known in handwriting.STYLES.items() for name in known}
    others = {name for name in styles - set(HELD_BACK) if name[0] in "1704"}
    frames, labels = handwriting.generate(5 * DRAWN, SEED + 1, others)
    chosen = np.isin(labels, [0, 1, 4, 7])
    return frames[chosen][:DRAWN], labels[chosen][:DRAWN]


def damaged() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    split, random = mnist.load("validation"), np.random.default_rng(SEED)
    chosen = split.images[:DAMAGED] / 255
    frames = [
        np.round(np.clip(corrupt(image, random), 0, 1) * 255).astype(np.uint8)
        for corrupt in corruptions.CORRUPTIONS
        for image in chosen
    ]
    return np.stack(frames), np.tile(split.labels[:DAMAGED], len(corruptions.CORRUPTIONS))


def scores() -> Iterator[tuple[str, Score]]:
    """The names of the scores, and functions that compute them as shares."""
    validation = mnist.load("validation")
    yield "validation", lambda it: frames_right(it, validation.images, validation.labels)
    last = range(len(validation) - CAMERA, len(validation))
    pictures = [camera.picture(SEED, camera.MIXED, False, i, validation.images[i]) for i in last]
    yield "camera", lambda it: share_right(it, pictures, validation.labels[-CAMERA:].tolist())
    small, labels = optdigits.load()
    yield "optdigits", lambda it: share_right(it, list(small), labels.tolist())
    if photos.PHOTOS.is_dir():
        rows = photos.rows("single.csv")
        real = [photos.PHOTOS / row["file"] for row in rows]
        yield "photos", lambda it: share_right(it, real, [int(row["digit"]) for row in rows])
    for kind, (label, frames) in continental.digits(np.random.default_rng(SEED)).items():
        yield kind, partial(frames_right, frames=frames, labels=label)
    drawn, theirs = held_back()
    yield "drawn", lambda it: frames_right(it, drawn, theirs)
    broken, of = damaged()
    yield "damaged", lambda it: frames_right(it, broken, of)
    written, whose = fontwriting.generate(DRAWN, SEED, "held back")
    yield "fonts", lambda it: frames_right(it, written, whose)
    random, hands = np.random.default_rng(SEED), [str(file) for file in fonts.hands("held back")]
    for kind, files in (("letters ?", nondigits.fonts()), ("in fonts ?", hands)):
        letters = [image for unclear, image in nondigits.letters(random, files) if not unclear]
        yield kind, partial(share_rejected, letters=letters)


@contextmanager
def trained(epochs: int, changes: dict[str, Any], without: Sequence[str]) -> Iterator[Classifier]:
    """Train a variant; the classifier exists as long as the context."""
    recipe = replace(models.get_recipe("lenet5", "default", epochs=epochs), **changes)
    generate = partial(handwriting.generate, without=without)
    with (
        patch.object(handwriting, "generate", generate),
        tempfile.TemporaryDirectory() as folder,
    ):
        config = TrainConfig("lenet5", recipe, SEED)
        result = trainer.train(config, "cpu", out=Path(folder) / "run")
        assert result is not None
        export_run(result.run, ExportConfig(quantize=True))
        yield Classifier(result.run.folder / "lenet5.int8.onnx")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("variants", nargs="*", choices=[[], *VARIANTS], metavar="VARIANT")
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    measured = list(scores())
    print(f"{'':26}" + "".join(f"{name:>17}" for name, _ in measured))
    for name in options.variants or VARIANTS:
        changes, without = VARIANTS[name]
        with trained(options.epochs, changes, without) as classifier:
            figures = [100 * score(classifier) for _, score in measured]
        print(f"{name:26}" + "".join(f"{figure:17.2f}" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
