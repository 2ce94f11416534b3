"""One's own labelled pages: windows on some to train a detector on, and others to judge it.

The labels say what is written in a box, or on a page. Where each symbol is says the network: the
likeliest of its detections that read as labelled (forced alignment; L. R. Rabiner, "A tutorial on
hidden Markov models", 1989). So a symbol that it reads wrong has a box, too.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from digits.data.image_folder import assign_split
from digits.data.table import Label, OnError, read_labels
from digits.errors import DataError, PictureError
from digits.images import picture
from digits.images.grey import Grey, digest_of
from digits.inference.detector_model import run_maps
from digits.inference.interface import MAX_DIGIT_HEIGHT, MIN_DIGIT_HEIGHT, SYMBOLS
from digits.inference.metadata import DetectorMetadata
from digits.inference.model_file import BUNDLED_DETECTOR, load
from digits.reader.detections import Detections, Floats, Mask
from digits.reader.page import find_columns, find_symbols, read_symbols
from digits.reader.path import order_by_end
from digits.reader.pyramid import MapsFn
from digits_train.camera.exposure import lens
from digits_train.camera.ranges import RANGES
from digits_train.models import DetectorNetwork
from digits_train.pixels import Random, resized
from digits_train.symbols import Box, LabelledPage, Symbol, label_window, moved

_BESIDE = 0.5  # heights of a box, beside which a symbol may be that was overlooked
_STRETCHED = 0.05  # standard deviation of a window's width and height


class OwnPage(NamedTuple):
    """A page and what is written in its boxes. group: of the table. digest: of its pixels."""

    file: Path
    group: str
    digest: bytes
    labels: dict[Box, str]

    @property
    def pixels(self) -> Grey:
        """uint8 [height, width], read again: many pages wouldn't fit into memory."""
        return picture.load(self.file, picture.PAGE_MAX_SIDE).pixels


class AlignedPage(NamedTuple):
    """The part of a page with labels, and its symbols.

    symbols: with the label -1 where nothing is. known: boxes without other symbols.
    """

    pixels: Grey
    symbols: list[Symbol]
    known: list[Box]


@dataclass(frozen=True)
class OwnPages:
    """Pages to train on, and others to judge with. sha256: of all pixels and labels."""

    train: list[AlignedPage]
    held_back: list[OwnPage]
    sha256: str

    def window(self, random: Random, side: int) -> LabelledPage:
        """A random window around a symbol; see `show`."""
        counts = np.array([len(page.symbols) for page in self.train])
        page = self.train[int(random.choice(len(counts), p=counts / counts.sum()))]
        return show(page, int(random.integers(len(page.symbols))), random, side)


def load_own_pages(path: Path, maps: MapsFn, on_error: OnError) -> OwnPages:
    """Load the pages of a table (see `table.read_labels`).

    Two sevenths are held back, chosen by group or else by picture. maps: of the detector that says
    where the symbols are. on_error: called for what can't be used. Raises DataError if nothing is
    left to train on.
    """
    pages = _load(path, on_error)
    held_back = [page for page in pages if assign_split(page.digest, page.group) != "train"]
    train = [page for page in pages if assign_split(page.digest, page.group) == "train"]
    aligned = [page for page in (align(page, maps) for page in train) if page]
    lost = sum(len(page.labels) for page in train) - sum(len(page.known) for page in aligned)
    if lost:
        on_error(DataError(f"{path}: labels with symbols that the detector doesn't see: {lost}"))
    if not aligned:
        raise DataError(f"{path} has no labelled numbers to train on")
    content = b"".join(page.digest + repr((page.group, page.labels)).encode() for page in pages)
    return OwnPages(aligned, held_back, hashlib.sha256(content).hexdigest())


def _load(path: Path, on_error: OnError) -> list[OwnPage]:
    """Each picture once, with all of its labels but those that contradict each other."""
    files = defaultdict[Path, list[Label]](list)
    for file, label in read_labels(path, on_error, "text"):
        files[file].append(label)
    pages, contradictory = dict[bytes, OwnPage](), set[tuple[bytes, Box]]()
    for file, labels in files.items():
        try:
            _, pixels, downscale, size = picture.load(file, picture.PAGE_MAX_SIDE)
        except PictureError as error:
            on_error(error)
            continue
        digest = digest_of(pixels)
        page = pages.setdefault(digest, OwnPage(file, labels[0][2], digest, {}))
        for box, text, _ in labels:
            left, top, right, bottom = (side / downscale for side in box or (0, 0, *size))
            right, bottom = min(right, pixels.shape[1]), min(bottom, pixels.shape[0])
            if left >= right or top >= bottom:
                on_error(DataError(f"{file}: the box {box} is outside the picture"))
            elif page.labels.setdefault((left, top, right, bottom), text) != text:
                contradictory.add((digest, (left, top, right, bottom)))
    for digest, box_of in sorted(contradictory):
        del pages[digest].labels[box_of]
        on_error(DataError(f"{pages[digest].file}: its labels contradict each other"))
    return [page for page in pages.values() if page.labels]


def align(page: OwnPage, maps: MapsFn) -> AlignedPage | None:
    """Find the symbols of each label, unless the network overlooks some of them.

    None, if it does so in all labels.
    """
    pixels = page.pixels
    detections = find_symbols(pixels, maps)
    symbols, known = list[Symbol](), list[Box]()
    for box, text in page.labels.items():
        nearby = detections.select(_are_in(detections.boxes, box, _BESIDE))
        numbers = text.split()
        lines = find_columns(nearby) if len(numbers) > 1 else [[nearby]]
        written = "".join(numbers)
        boxes = aligned_boxes([*chain.from_iterable(lines)], written)
        if written and not boxes:
            continue
        pairs = [*zip(written, boxes, strict=True)]
        sizes = [place[3] - place[1] for symbol, place in pairs if symbol.isdigit()]
        height = float(np.median(sizes or [min(box[3] - box[1], MAX_DIGIT_HEIGHT)]))
        aligned = [Symbol(place, SYMBOLS.index(symbol), height) for symbol, place in pairs]
        symbols += aligned or [Symbol(box, -1, height)]
        known.append(box)
    if not known:
        return None
    # Only the part with labels, and what may be seen around it: whole pages take too much memory.
    places = np.array([*known, *(symbol.box for symbol in symbols)])
    margin = (places[:, 3] - places[:, 1]).max()
    left, top = np.maximum(places[:, :2].min(0) - margin, 0).astype(int).tolist()
    right, bottom = np.ceil(places[:, 2:].max(0) + margin).astype(int).tolist()
    labelled = pixels[top:bottom, left:right].copy()
    symbols = [symbol._replace(box=moved(symbol.box, left, top)) for symbol in symbols]
    return AlignedPage(labelled, symbols, [moved(box, left, top) for box in known])


def aligned_boxes(columns: Sequence[Detections], text: str) -> list[Box]:
    """The boxes of the likeliest detections that read a text; none if it can't be read.

    Viterbi's algorithm. columns: in reading order; detections that overlap exclude each other.
    """
    symbols, boxes = [*map(SYMBOLS.index, text)], list[Box]()
    nodes = [np.append(0.0, np.full(len(text), -np.inf))]  # by how many symbols are read
    starts = list[int]()
    for column in columns:
        ordered, earlier = order_by_end(column)
        starts += (len(starts) + earlier).tolist()
        for start, *detection in zip(starts[len(boxes) :], *ordered, strict=True):
            score, log_probabilities, box = detection
            through = nodes[start][:-1] + score + log_probabilities[symbols]
            nodes.append(nodes[-1].copy())
            nodes[-1][1:] = np.maximum(nodes[-1][1:], through)
            boxes.append(tuple(box.tolist()))
    read, node, path = len(text), len(boxes), list[Box]()
    while read and nodes[-1][-1] > -np.inf:
        node -= 1
        if nodes[node + 1][read] > nodes[node][read]:
            path.append(boxes[node])
            read, node = read - 1, starts[node]
    return path[::-1]


def _are_in(boxes: Floats, box: Box | Floats, beside: float = 0.0) -> Mask:
    """Whether the centres of boxes are in a box that is widened on both sides: bool [n].

    beside: by how much, in heights of the box.
    """
    left, top, right, bottom = box
    room = beside * (bottom - top)
    x, y = ((boxes[:, :2] + boxes[:, 2:]) / 2).T
    inside: Mask = (left - room <= x) & (x <= right + room) & (top <= y) & (y <= bottom)
    return inside


def show(page: AlignedPage, number: int, random: Random, side: int) -> LabelledPage:
    """Photograph a window around a symbol anew, as large as others write it.

    Where it isn't known what is written, such as beyond the page's edge, nothing is wrong.
    """
    height = np.exp(random.normal(np.log(RANGES.height), RANGES.heights))
    size, centre = float(height.clip(MIN_DIGIT_HEIGHT, MAX_DIGIT_HEIGHT)), page.symbols[number]
    scale = size / centre.height
    scales = scale * (1 + random.normal(0, _STRETCHED, 2))
    middle = random.uniform(centre.box[:2], centre.box[2:])
    step = max(1, int(0.5 / scales.max()))  # or a window of large digits takes hundreds of MB
    corner = middle - side * random.uniform(0.2, 0.8, 2) / scales
    low = step * np.floor(corner / step).astype(int)
    high = low + step * np.ceil(side / scales / step).astype(int)
    scales = side / (high - low)
    x, y = (np.arange(low[axis], high[axis], step) // step for axis in (0, 1))
    reduced = np.asarray(Image.fromarray(page.pixels).reduce(step))
    window = reduced.take(y, 0, mode="clip").take(x, 1, mode="clip")  # the page's edges repeat
    pixels = resized(window.astype(np.float32), (side, side))
    contrast = 2 * float(pixels.std())  # of the writing, which is a tenth of the pixels or less

    view = (*low.tolist(), *scales.tolist())
    symbols = [
        Symbol(box, symbol.label, scale * symbol.height)
        for symbol in page.symbols
        for box in [moved(symbol.box, *view)]
        if symbol.label >= 0 and max(box[:2]) < side and min(box[2:]) > 0
    ]
    known = [moved(box, *view) for box in page.known]
    return label_window(lens(pixels, size, contrast, random), symbols, known=known)


def read_right(maps: MapsFn, pages: Sequence[OwnPage]) -> NDArray[np.bool_]:
    """Whether each label is read exactly: bool [n]. Half of a number or more is in its box."""
    right = []
    for page in pages:
        columns = [*chain.from_iterable(read_symbols(page.pixels, maps))]
        for box, text in page.labels.items():
            read = (c.text for c in columns if _are_in(c.boxes, box).mean() >= 0.5)
            right.append("".join(read) == "".join(text.split()))
    return np.array(right, np.bool_)


def network_maps(model: DetectorNetwork) -> MapsFn:
    """Return a network's maps as a function of a page, as `DetectorModel.maps`.

    Calibrated as the bundled detector is, from which most trainings start; export fits it anew.
    """
    bundled = load(BUNDLED_DETECTOR, DetectorMetadata, sha256="").metadata

    def run(page: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        centres, symbols, boxes = model.predict(torch.from_numpy(page))
        centres = centres / bundled.centre_temperature + bundled.centre_shift
        return [maps.numpy() for maps in (centres, symbols / bundled.temperature, boxes)]

    return lambda pixels: run_maps(run, pixels)
