"""How far `digits read` depends on what changes nothing on a page. It needs no labels.

    python -m benchmarks stability [--pages N] [--detector FILE.onnx] [--recognizer FILE.onnx]

Each page is read as it is, and then larger, smaller, turned, shifted, darker and compressed. Both
readings should say the same: a page does if all its numbers do, and of the digits, those that would
have to be edited have changed. Pages: as in training, with validation digits that fit nothing; and
those of strangers in ../shared/photos, if they are there.
"""

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from benchmarks.held_back import as_in_training
from benchmarks.reader import REAL, TRAINED, parse_options, photos
from benchmarks.timing import print_row
from digits import Classifier
from digits.alignment import align
from digits.system import cpu_count
from digits.terminal import track
from digits_train.camera.page import page

Change = Callable[[Image.Image], Image.Image]

_SHIFT = 2  # pixels: half of the detector's stride


def resized(image: Image.Image, scale: float) -> Image.Image:
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def turned(image: Image.Image) -> Image.Image:
    paper = tuple(int(level) for level in np.median(np.asarray(image), (0, 1)))
    return image.rotate(2, Image.Resampling.BICUBIC, expand=True, fillcolor=paper)


def shifted(image: Image.Image) -> Image.Image:
    pads = (_SHIFT, 0), (_SHIFT, 0), (0, 0)
    return Image.fromarray(np.pad(np.asarray(image), pads, "edge"))


def compressed(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=60)
    return Image.open(file).convert("RGB")


CHANGES: dict[str, Change] = {
    "0.8 of its size": lambda image: resized(image, 0.8),
    "1.25 of its size": lambda image: resized(image, 1.25),
    "turned by 2 degrees": turned,
    "shifted by half a stride": shifted,
    "a quarter darker": lambda image: image.point(lambda level: round(0.75 * level)),
    "JPEG of quality 60": compressed,
}


def numbers(classifier: Classifier, image: Image.Image) -> list[str]:
    """The likeliest reading of each number, accepted or not."""
    return [number.unconstrained for number in classifier.read(image).numbers]


def generated(count: int) -> list[Image.Image]:
    randoms = [np.random.default_rng([21, number]) for number in range(count)]
    return [
        Image.fromarray(page(random, as_in_training(), "numbers").pixels).convert("RGB")
        for random in track(randoms, count, "drawing pages")
    ]


def measure(classifier: Classifier, name: str, pages: Sequence[Image.Image]) -> None:
    stable, changed, total = dict.fromkeys(CHANGES, 0), dict.fromkeys(CHANGES, 0), 0
    for image in track(pages, len(pages), name):
        before = numbers(classifier, image)
        total += sum(map(len, before))
        for title, change in CHANGES.items():
            after = numbers(classifier, change(image))
            stable[title] += after == before
            changed[title] += align("".join(after), "".join(before)).score.errors
    print_row(f"{name}: {len(pages)} pages, {total} symbols", "same", "changed")
    for title in CHANGES:
        shares = stable[title] / len(pages), changed[title] / max(total, 1)
        print_row(f"  {title}", *(100 * share for share in shares))


def main() -> None:
    classifier, pages = parse_options(__doc__, threads=cpu_count())
    measure(classifier, TRAINED, generated(pages))
    if real := [Image.fromarray(np.asarray(picture.image)) for picture in photos()]:
        measure(classifier, REAL, real)
