"""Ablation of LeNet-5's recipe `default`: train it without each of its ingredients.

    python -m benchmarks.ablation [--epochs N] [VARIANT ...]

Each network is trained (seed 0), exported, and evaluated on: MNIST's validation digits; pictures
that the synthetic camera takes of them; UCI's optdigits; other people's pictures, if they are next
to the checkout; 1s with an upstroke and crossed 7s; MNIST's validation digits, corrupted as in
MNIST-C; digits in handwriting fonts that no training shows; and letters in unseen fonts and in
these, of which the rejected share is counted.
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

from benchmarks import continental, corruptions, nondigits, optdigits, photos, teach
from digits import Classifier
from digits.data import mnist
from digits.images.picture import Source
from digits_export.export import ExportConfig, export_run
from digits_train import models, trainer
from digits_train.camera import allographs, fonts, materials, single
from digits_train.config import WRITING, TrainConfig

SEED = 0
CAMERA, EACH_FONT, DAMAGED = 1000, 100, 500  # digits, for DAMAGED of each corruption

Drawing = tuple[Any, str, Any]  # a module, one of its functions, and what to call instead
_UNCHANGED: Drawing = (allographs, "draw", allographs.draw)

VARIANTS: dict[str, tuple[dict[str, Any], Drawing]] = {
    "default": ({}, _UNCHANGED),
    "no generated frames": ({"frames": 0.0}, _UNCHANGED),
    "no fonts": ({}, (materials, "font_writers", lambda *_: ())),
    "no taught forms": ({}, (allographs, "draw", lambda *_: None)),
    "no lines, paper, specks": ({"augmentation": WRITING}, _UNCHANGED),
    "nothing that is no digit": ({"outlier_weight": 0.0}, _UNCHANGED),
}

Score = Callable[[Classifier], float]


def share_right(classifier: Classifier, pictures: Sequence[Source], labels: Sequence[int]) -> float:
    answers = [prediction.top1 for prediction in classifier.predict_batch(pictures)]
    return float(np.mean(np.array(answers) == np.array(labels)))


def frames_right(classifier: Classifier, frames: NDArray[np.uint8], labels: Any) -> float:
    return float((classifier.model.probabilities(frames).argmax(1) == labels).mean())


def share_rejected(classifier: Classifier, letters: Sequence[Source]) -> float:
    return float(nondigits.answers(classifier, letters).rejected.mean())


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
    validation, random = mnist.load("validation"), np.random.default_rng(SEED)
    yield "validation", lambda it: frames_right(it, validation.images, validation.labels)
    drawn = materials.make_materials(validation, SEED, CAMERA, CAMERA)
    taken = [single.digit(random, drawn) for _ in range(CAMERA)]
    pictures, shown = [each.pixels for each in taken], [each.label for each in taken]
    yield "camera", lambda it: share_right(it, pictures, shown)
    small, labels = optdigits.load()
    yield "optdigits", lambda it: share_right(it, list(small), labels.tolist())
    if photos.PHOTOS.is_dir():
        rows = photos.rows("single.csv")
        real = [photos.PHOTOS / row["file"] for row in rows]
        yield "photos", lambda it: share_right(it, real, [int(row["digit"]) for row in rows])
    for kind, (label, frames) in continental.digits(np.random.default_rng(SEED)).items():
        yield kind, partial(frames_right, frames=frames, labels=label)
    broken, of = damaged()
    yield "damaged", lambda it: frames_right(it, broken, of)
    written = mnist.concat(*(split for _, split in teach.writers(EACH_FONT)))
    yield "fonts", lambda it: frames_right(it, written.images, written.labels)
    hands = [str(file) for file in fonts.hands("held back")]
    for kind, files in (("letters ?", nondigits.fonts()), ("in fonts ?", hands)):
        letters = [image for unclear, image in nondigits.letters(random, files) if not unclear]
        yield kind, partial(share_rejected, letters=letters)


@contextmanager
def trained(epochs: int, changes: dict[str, Any], drawing: Drawing) -> Iterator[Classifier]:
    """Train a variant; the classifier exists as long as the context."""
    recipe = replace(models.get_recipe("lenet5", "default", epochs=epochs), **changes)
    with patch.object(*drawing), tempfile.TemporaryDirectory() as folder:
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
        with trained(options.epochs, *VARIANTS[name]) as classifier:
            figures = [100 * score(classifier) for _, score in measured]
        print(f"{name:26}" + "".join(f"{figure:17.2f}" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
