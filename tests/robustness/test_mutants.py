"""Mutants of everything that is read: each is taken, or refused in one sentence."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote_from_bytes

import pytest
from starlette.testclient import TestClient

from digits.data import table
from digits.errors import DataError, DigitsError
from digits.images.formats import FORMATS
from digits.recognize import Reader
from tests.robustness import specimens
from tests.robustness.sandbox import harmless
from tests.robustness.specimens import mutants
from tests.runtime.serve.conftest import application

pytestmark = pytest.mark.filterwarnings("ignore:.* only the first is read")


@cache
def reader() -> Reader:
    return Reader()


def predict(path: Path) -> None:
    left, top, right, bottom = reader().predict(path).box
    assert 0 <= left < right and 0 <= top < bottom


def read(path: Path) -> None:
    for symbol in reader().read(path).symbols:
        left, top, right, bottom = symbol.box
        assert 0 <= left < right and 0 <= top < bottom


def read_labels(column: str, path: Path) -> None:
    """None of the pictures is opened."""
    table.has_column(path, "text")
    if not [*table.read_labels(path, lambda error: None, column)]:
        raise DataError(f"{path} has no labels")


SPECIMENS = specimens.pictures()
PICTURE = SPECIMENS["PNG L"]
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
    b"Content-Type: image/png\r\n\r\n" + PICTURE + b"\r\n--x--\r\n"
)
Headers = Sequence[tuple[str, bytes]]


@cache
def client() -> TestClient:
    """Calls the app without a socket, so that bugs raise their exceptions."""
    return TestClient(application(reader()))


def post(path: Path, url: str, headers: Headers = (), content: bytes = b"") -> None:
    """Any status but 200 must be a client error with a message."""
    sent = [(name.encode(), value) for name, value in headers]
    answer = client().post(url, content=content or path.read_bytes(), headers=sent)
    assert answer.status_code < 500
    if answer.status_code != 200:
        [(key, message)] = answer.json().items()
        assert key == "error" and message
        raise DigitsError(f"{path}: {message}")


def post_form(path: Path) -> None:
    post(path, "/predict", [("content-type", path.read_bytes())], FORM)


def post_query(path: Path) -> None:
    post(path, f"/read?{quote_from_bytes(path.read_bytes(), '=&%')}", content=PICTURE)


QUERY = rb"length=1-2&pattern=\d+&check=luhn&range=0-9"
FORM_TYPE = [("content-type", b"multipart/form-data; boundary=x; charset=utf-8")]
LABELS = b'file,digit,text\na.png,7,-7/1.5\n"b ""c"".png",3,3 4\n\xff.png,1,\n'


def of(format: str) -> dict[str, bytes]:
    return {name: raw for name, raw in SPECIMENS.items() if name.startswith(format)}


class Door(NamedTuple):
    """What reads such bytes.

    specimens: valid ones. attempt: takes the file, or raises a DigitsError. number: of mutants of
    each.
    """

    specimens: dict[str, bytes]
    attempt: Callable[[Path], object]
    number: int

    def takes(self, path: Path, raw: bytes) -> bool:
        path.write_bytes(raw)
        try:
            self.attempt(path)
        except DigitsError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            return False
        return True


DOORS = {
    **{f"predict {name}": Door(of(name), predict, 80 // len(of(name))) for name in FORMATS},
    "read": Door(SPECIMENS, read, 3),
    "digits": Door({"": LABELS}, partial(read_labels, "digit"), 200),
    "pages": Door({"": LABELS}, partial(read_labels, "text"), 200),
    "form": Door({"": FORM}, partial(post, url="/predict", headers=FORM_TYPE), 80),
    "query": Door({"": QUERY}, post_query, 50),
    "content-type": Door({"": FORM_TYPE[0][1]}, post_form, 50),
}


@pytest.mark.parametrize("name", DOORS)
def test_mutants_are_taken_or_refused(name: str, tmp_path: Path) -> None:
    door, path, taken = DOORS[name], tmp_path / "file", set()
    for title, raw in door.specimens.items():  # which also import lazily
        assert door.takes(path, raw), title
    for title, mutant in mutants(door.specimens, door.number):
        with harmless(title, tmp_path):
            taken.add(door.takes(path, mutant))
    assert taken == {True, False}
