"""The `digits` command with a subset of MNIST, for tests of processes.

python tests/train/subset_digits.py train --epochs 2
"""

from pathlib import Path
from typing import Any, get_args

from digits.__main__ import main
from digits.data import fetch, mnist
from digits.data.mnist import Split
from digits_train import calibration, examples, plots
from digits_train.camera import fonts

SUBSET = Path(__file__).parent.parent / "mnist_subset"
# What to set, to generate little and download no font: object, attribute and value.
PATCHES: list[tuple[Any, str, Any]] = [
    (examples, "MAX_FRAMES", 100),
    (examples, "MAX_OUTLIERS", 150),
    (calibration, "NUM_FRAMES", 100),
    (calibration, "NUM_OUTLIERS", 60),
    (calibration, "GLYPHS", 60),
    (calibration, "TEXTS", 60),
    (fonts, "hands", fonts.bundled),
    (fonts, "printed", fonts.bundled),
]


def load(split: mnist.SplitName, data: Path | None = None) -> Split:
    """Load 800 digits for training, 200 for validation or 500 for test."""
    prefix = "t10k" if split == "test" else "train"
    images, labels = (
        mnist.parse_idx(fetch.gunzip((SUBSET / name).read_bytes(), name))
        for name in (f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz")
    )
    part = {"train": slice(800), "validation": slice(800, None), "test": slice(None)}[split]
    return Split(images[part], labels[part])


def load_all(data: Path | None = None) -> mnist.Splits:
    return {split: load(split) for split in get_args(mnist.SplitName)}


def install() -> None:
    """Let `mnist` load the subset; draw fewer additional pictures and smaller figures."""
    mnist.load, mnist.load_all = load, load_all
    for patch in (*PATCHES, (plots, "MAX_MISTAKES", 8)):
        setattr(*patch)


if __name__ == "__main__":
    install()
    main()
