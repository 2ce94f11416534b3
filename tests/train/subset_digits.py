"""A subset of MNIST, and the `digits` command with it, for tests of processes.

python tests/train/subset_digits.py train --set recipe.epochs=2
"""

import gzip
from pathlib import Path
from typing import Any, get_args

from digits.__main__ import main
from digits.data.split import Split, SplitName, Splits
from digits_train.data import mnist
from tests.train import subset_unipen

SUBSET = Path(__file__).parent.parent / "mnist_subset"


def load(split: SplitName, data: Path | None = None) -> Split:
    """Load 800 digits for training, 200 for validation or 500 for test."""
    prefix = "t10k" if split == "test" else "train"
    images, labels = (
        mnist.parse_idx(gzip.decompress((SUBSET / name).read_bytes()))
        for name in (f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz")
    )
    part = {"train": slice(800), "validation": slice(800, None), "test": slice(None)}[split]
    return Split(images[part], labels[part])


def load_all(data: Path | None = None) -> Splits:
    return {split: load(split) for split in get_args(SplitName)}


def patches() -> list[tuple[Any, str, Any]]:
    """What to set, to load it, generate little and download no font: object, attribute, value."""
    from digits_train.camera import fonts
    from digits_train.camera.materials import make_materials
    from digits_train.camera.ranges import Ranges
    from digits_train.data import held_out, pools, unipen  # which import PyTorch
    from digits_train.tasks import stream

    def few(writings: Any, seed: int, ranges: Ranges, *_: int, use: str = "training") -> Any:
        return make_materials(writings, seed, ranges, 20, 10, use=use)

    return [
        *((mnist, "load", load), (mnist, "load_all", load_all)),
        *((pools, "MAX_FRAMES", 100), (pools, "MAX_OUTLIERS", 150)),
        (held_out, "NUM_OUTLIERS", 60),
        *((held_out, "make_materials", few), (stream, "make_materials", few)),
        (fonts, "printed", fonts.bundled),
        (unipen, "load", subset_unipen.writings),
    ]


if __name__ == "__main__":
    for patch in patches():
        setattr(*patch)
    main()
