"""What a request asks of numbers, and the files in a form."""

import codecs
import json

import pytest
from starlette.testclient import TestClient

from digits import Constraints
from digits.classifier import Classifier
from digits.serve.constraints import parse_query
from digits.serve.form import FormFile, read_files
from digits.serve.refusals import Refused
from digits.text import to_json
from tests.conftest import PICTURES, Patch

TWO = (PICTURES / "2.jpg").read_bytes()
KNOWN = "length, pattern, check, range, list, digits_only, max_errors"


@pytest.mark.parametrize(
    ("query", "constraints", "max_errors"),
    [
        ("length=5-8", Constraints(length=(5, 8)), None),
        ("pattern=4%5Cd%2B&check=mod11", Constraints(pattern=r"4\d+", check="mod11"), None),
        ("list=4718+9999%0A1.5,12", Constraints(values=["4718", "9999", "1.5", "12"]), None),
        ("range=-9.5-4000", Constraints(range=(-9.5, 4000)), None),
        ("digits_only=YES&max_errors=1e-9&check=", Constraints(digits_only=True), 1e-9),
    ],
)
def test_query_is_parsed(query: str, constraints: Constraints, max_errors: float | None) -> None:
    assert repr(parse_query(query)) == repr((constraints, max_errors))


def test_answer_is_that_of_classifier(client: TestClient, classifier: Classifier) -> None:
    answer = client.post("/read?list=7+9&max_errors=50%25", content=TWO)
    reading = classifier.read(TWO, Constraints(values=["7", "9"]), 0.5)
    assert answer.json() == json.loads(to_json(reading.to_dict("")))


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("/read?digits_only=x", "constraints: digits_only must be true or false"),
        ("/predict?length=6", "the query may have, once each: frame; not 'length'"),
        (
            "/read?length=6&check=luhn&length=7",
            f"the query may have, once each: {KNOWN}; not 'length'",
        ),
        ("/read?frame=1", f"the query may have, once each: {KNOWN}; not 'frame'"),
        (f"/read?{'a' * 40}", f"the query may have, once each: {KNOWN}; not '{'a' * 30}'"),
    ],
)
def test_query_that_is_not_understood(client: TestClient, url: str, sentence: str) -> None:
    answer = client.post(url, content=TWO)
    assert (answer.status_code, answer.json()) == (422, {"error": sentence})


def test_impossible_constraints_are_told_for_each_file(client: TestClient) -> None:
    answer = client.post("/read?length=3&list=1234", files=[("file", ("a", TWO))] * 2)
    sentence = "constraints: no number satisfies all of these constraints"
    assert answer.json() == [{"file": "a", "error": sentence}] * 2


KIND = "multipart/form-data; boundary=x"
END = b"--x--"


def part(content: bytes, parameters: bytes = b'name="file"; filename="a.png"') -> bytes:
    head = b"--x\r\nContent-Type: image/png\r\ncontent-disposition: form-data; "
    return head + parameters + b"\r\n\r\n" + content + b"\r\n"


def test_several_files_keep_their_order() -> None:
    parts = [part(b"%d" % n, b'name="%d"; filename="%d.png"' % (n % 3, n)) for n in range(100)]
    parts[50:50] = [part(b"1", b'name="a"')] * 8  # fields that aren't files
    expected = [FormFile(f"{n}.png", memoryview(b"%d" % n)) for n in range(100)]
    assert read_files(KIND, b"".join(parts) + END) == expected


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("image/png", b"a", ("", b"a")),
        ('Multipart/Form-Data; charset=x; BOUNDARY="x"', part(b"a") + END, ("a.png", b"a")),
        *(
            (KIND, part(content) + END + b"\r\n", ("a.png", content))
            for content in (b"", b"\r\n--y\r\n", b"a--x\r\n", b"\0\xff" * 9999)
        ),
        *(
            (KIND, part(b"a", parameters) + END, (name, b"a"))
            for parameters, name in (
                (b"name=file; filename=7.png; filename*=utf-8''8.png", "7.png"),  # .NET
                (b'name="file"; filename=""', ""),
                (b'filename="a;b.png"; name="filename=c"', "a;b.png"),
                (b'name="file"; filename="a\\"b.png"', 'a"b.png'),
                (b'name="file"; filename="%22\xc3\xa9\xe9.png"', "%22\xe9\ufffd.png"),
            )
        ),
        (KIND, b"preamble\r\n" + part(b"a") + END + b"\r\nepilogue", ("a.png", b"a")),
    ],
)
def test_file_is_read(kind: str, body: bytes, expected: tuple[str, bytes]) -> None:
    [file] = read_files(kind, body)
    assert (file.name, bytes(file.content)) == expected


def test_charset_is_not_looked_up(monkeypatch: Patch) -> None:
    """Python keeps unknown names for ever, and decodes some encodings in quadratic time."""
    searched: list[str] = []
    codecs.register(searched.append)
    body = part(b"a", b'name="file"; filename="+2AA-.png"') + END
    for charset in ("utf-7", "punycode", "unicode_escape", "none-such"):
        assert read_files(f"{KIND}; charset={charset}", body)[0].name == "+2AA-.png"
    codecs.unregister(searched.append)
    assert searched == []


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        *((400, body, KIND) for body in (b"", b"--x\r\n", b"--x\r\n\r\n--x--")),
        (400, part(b"a"), KIND),
        (400, part(b"a") + b"--xy\r\n--x--", KIND),
        (400, part(b"a", b'filename="a"') + END, KIND),
        (400, part(b"a", b'name="' + b"a" * 9000 + b'"') + END, KIND),
        (413, part(b"a", b'name="a"') * 109 + END, KIND),
        (400, part(b"a") + END, "multipart/form-data"),
        (413, part(b"a") * 109 + END, KIND),
        (422, END, KIND),
    ],
)
def test_form_is_refused(status: int, body: bytes, kind: str) -> None:
    with pytest.raises(Refused, match="form") as refused:
        read_files(kind, body)
    assert refused.value.status_code == status
