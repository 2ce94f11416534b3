from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.commands.results import ResultsFile
from digits.review.app import Review
from digits.review.items import has_numbers, load, read_rows
from digits.serve.settings import Settings

NUMBERS = "file,number,probability,status,second,free,left,top,right,bottom\n"
ROWS = (
    "page.png,12,0.2,review,17,12,40,50,90,80\n"
    "page.png,,0.3,unreadable,,345,200,50,260,80\n"
    "page.png,678,0.9,accepted,,678,40,200,90,230\n"
)
Open = Callable[..., TestClient]


def labels_at(path: Path, numbers: bool = False) -> ResultsFile:
    columns = ("file", "box", "text") if numbers else ("file", "digit")
    return ResultsFile(path, columns, key=len(columns) - 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a page of 400x300 pixels."""
    Image.new("L", (400, 300), 255).save(tmp_path / "page.png")
    return tmp_path


@pytest.fixture
def table(folder: Path) -> Path:
    """Three numbers of that page."""
    (folder / "results.csv").write_text(NUMBERS + ROWS)
    return folder / "results.csv"


@pytest.fixture
def opened(classifier: Classifier) -> Iterator[Open]:
    """Open a review; the first one is closed when another is opened."""
    with ExitStack() as files:

        def open_review(source: Path) -> TestClient:
            files.close()
            numbers = has_numbers(source)
            folder = source if source.is_dir() else source.parent
            labels = files.enter_context(closing(labels_at(folder / "labels.csv", numbers)))
            items, before = load(source, read_rows(source), classifier, labels)
            review = Review(items, before, labels, numbers, classifier, Settings())
            return TestClient(review, "http://127.0.0.1")

        yield open_review
