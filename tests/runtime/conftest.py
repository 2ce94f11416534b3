import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from PIL import Image

from digits.inference.recognizer_model import CropReading, RecognizerModel
from digits.reader.looks import LOOKS
from tests.drawings import NO_STEPS, NOTHING, WHOLE, Maps, Network, answer, row_of, steps


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def rapidocr(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a package of that name, which can't be imported, has its recognizer's file."""
    from tests.onnx_files import second_opinion

    packages = tmp_path_factory.mktemp("packages")
    file = packages / "rapidocr" / "models" / "PP-OCRv9_rec_small.onnx"
    file.parent.mkdir(parents=True)
    (packages / "rapidocr" / "__init__.py").write_text("raise AssertionError\n")
    file.write_bytes(second_opinion("x.9876543210-,"))
    monkeypatch.syspath_prepend(packages)
    return file


@pytest.fixture
def whole_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drawn network doesn't know at which part of a page it looks."""
    monkeypatch.setattr("digits.reader.pyramid._AROUND", np.inf)


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole_pages: None) -> Path:
    """The current folder: a page "-12.5 8" under two names, and one without any digit.

    The networks see that on every page of their shape.
    """
    shape = (200, 400)
    network = Network([*row_of("-12.5", 40, 60), *row_of("8", 300, 60)], shape)

    def maps(page: np.ndarray) -> Maps:
        centres, symbols, boxes = network(page)
        return np.full_like(centres, NOTHING) if page.max() < 200 else centres, symbols, boxes

    answer(monkeypatch, maps)
    outputs = [CropReading(steps(text), WHOLE) for text in ("-12.5", "8") for _ in LOOKS]

    def recognize(_: RecognizerModel, crops: Sequence[np.ndarray]) -> list[CropReading]:
        nothing = [CropReading(NO_STEPS, -WHOLE)] * len(crops)
        return outputs if len(crops) == len(outputs) else nothing

    monkeypatch.setattr(RecognizerModel, "read", recognize)
    monkeypatch.chdir(tmp_path)
    Image.new("L", shape[::-1], 255).save("a.png")
    shutil.copy("a.png", "b.png")
    Image.new("L", shape[::-1], 100).save("grey.png")
    return tmp_path


@contextmanager
def count_calls(*functions: Callable[..., object]) -> Iterator[Counter[str]]:
    """Count the calls of each function in this thread, under whatever name it was imported."""
    names = {function.__code__: function.__name__ for function in functions}
    counts = Counter[str]()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code in names:
            counts[names[frame.f_code]] += 1

    sys.setprofile(note)
    try:
        yield counts
    finally:
        sys.setprofile(None)
