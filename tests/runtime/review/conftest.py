from collections.abc import Callable, Iterator
from contextlib import closing
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
def opened(classifier: Classifier) -> Iterator[Open]:
    """Open a review; the first ones are closed when another is opened."""
    files: list[closing[ResultsFile]] = []

    def open_review(source: Path) -> TestClient:
        while files:
            files.pop().__exit__()
        numbers = has_numbers(source)
        labels = labels_at((source if source.is_dir() else source.parent) / "labels.csv", numbers)
        files.append(closing(labels))
        items, before = load(source, read_rows(source), classifier, labels)
        review = Review(items, before, labels, numbers, classifier, Settings())
        return TestClient(review, "http://127.0.0.1")

    yield open_review
    while files:
        files.pop().__exit__()
