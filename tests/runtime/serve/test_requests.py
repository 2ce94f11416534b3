"""What a request asks of numbers, the files in a form, and tensors of the inference protocol."""

import codecs
import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from msgspec import UNSET
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from digits import Constraints
from digits.classifier import Classifier
from digits.serve import v2
from digits.serve.constraints import parse_query
from digits.serve.form import FormFile, read_files
from digits.serve.limits import Limits
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


IMAGES = np.arange(2 * 784, dtype=np.int64).astype(np.uint8).reshape(2, 1, 28, 28)


def body(*, inputs: Any = None, **content: Any) -> bytes:
    return json.dumps({"inputs": [tensor()] if inputs is None else inputs, **content}).encode()


def tensor(**changed: Any) -> dict[str, Any]:
    fields = {
        "name": "images",
        "shape": list(IMAGES.shape),
        "datatype": "UINT8",
        "data": IMAGES.ravel().tolist(),
    } | changed
    return {key: value for key, value in fields.items() if value is not None}


def refusal(body: bytes, json_length: str | None = None) -> tuple[int, str]:
    with pytest.raises(HTTPException) as refused:
        v2.parse_request(body, json_length, 256)
    return refused.value.status_code, refused.value.detail


def binary(size: object, tail: bytes) -> tuple[bytes, str]:
    """A request whose tensor follows as bytes, and the length of its JSON."""
    head = body(inputs=[tensor(data=None, parameters={"binary_data_size": size})])
    return head + tail, str(len(head))


@pytest.mark.parametrize(
    ("content", "json_length"),
    [
        *(
            (body(inputs=[tensor(data=data)]), None)
            for data in (IMAGES.ravel().tolist(), IMAGES.tolist(), IMAGES[:, 0].tolist())
        ),
        binary(IMAGES.size, IMAGES.tobytes()),
    ],
)
def test_tensor_is_decoded(content: bytes, json_length: str | None) -> None:
    asked = v2.parse_request(content, json_length, 256)
    np.testing.assert_array_equal(asked.images, IMAGES)
    assert asked.id is UNSET and not asked.binary and asked.classes is None


def output(**parameters: object) -> list[dict[str, Any]]:
    return [{"name": "probabilities", "parameters": parameters}]


@pytest.mark.parametrize(
    ("all_outputs", "wanted", "shown", "binary"),
    [
        ({}, {"classification": 99, "binary_data": True}, 10, True),
        ({"binary_data_output": True}, {"classification": 3}, 3, True),
        ({"binary_data_output": True}, {"classification": 3, "binary_data": False}, 3, False),
    ],
)
def test_classification_names_the_likeliest_answers(
    all_outputs: dict[str, Any], wanted: dict[str, Any], shown: int, binary: bool
) -> None:
    rows = np.full((2, 10), 0.01, np.float32)
    rows[0, 7], rows[1, [3, 5]] = 0.91, (0.4, 0.52)
    request = body(id="one", parameters=all_outputs, outputs=output(**wanted))
    asked = v2.parse_request(request, None, 256)
    content, headers = v2.encode_response(asked, rows, "lenet5")
    length = int(headers.get(v2.JSON_LENGTH, len(content)))
    answer, tail = json.loads(content[:length]), content[length:]
    [given] = answer.pop("outputs")
    assert answer == {"model_name": "lenet5", "model_version": "1", "id": "one"}
    assert given.pop("parameters", {}).get("binary_data_size", 0) == len(tail)
    assert bool(tail) == binary
    texts = given.pop("data", [])
    while tail:
        end = 4 + int.from_bytes(tail[:4], "little")
        texts.append(tail[4:end].decode())
        tail = tail[end:]
    assert given == {"name": "probabilities", "datatype": "BYTES", "shape": [2, shown]}
    assert len(texts) == 2 * shown and texts[0] == "0.910000:7"
    assert texts[shown : shown + 3] == ["0.520000:5", "0.400000:3", "0.010000:0"]


TENSORS: list[tuple[int, dict[str, Any], str]] = [
    (422, {"name": "x\n"}, "the request: Invalid enum value"),
    (422, {"shape": [2.0, 1, 28, 28]}, "Expected `int`, got `float` - at `$.inputs[0].shape[0]`"),
    (422, {"shape": [2, 28, 28, 1]}, "shape must be [n, 1, 28, 28]"),
    (422, {"shape": [0, 1, 28, 28]}, "shape must be [n, 1, 28, 28]"),
    (422, {"shape": [256, 1, 28, 28]}, "200704 pixels are expected, not 1568"),
    (413, {"shape": [257, 1, 28, 28]}, "at most 256"),
    (413, {"shape": [10**30, 1, 28, 28]}, "at most 256"),
    (422, {"data": None}, "inputs[0] lacks data"),
    (422, {"data": [0, 256] * 784}, "inputs[0].data: Expected `int` <= 255 - at `$[1]`"),
    (422, {"data": [[0] * 784, {}]}, "Expected `int`, got `object` - at `$[784]`"),
    *((422, {"data": [pixel] * 1568}, "Expected `int`") for pixel in (0.5, "[0]")),
    (400, {"parameters": {"binary_data_size": 1568}}, "is wrong: 0 bytes follow"),
]
REFUSED: list[tuple[int, bytes, str]] = [
    (400, b"{", "not JSON: "),
    (400, b"\xff\xfe{}", "not JSON: 'utf-8' codec"),
    (400, b'{"x": ' + b"[" * 20_000, "not JSON: maximum recursion depth"),
    (422, b"9" * 10_000, "the request: Number out of range"),
    (422, b"{}", "the request: Object missing required field `inputs`"),
    (422, body(inputs=[tensor(), tensor()]), "Expected `array` of length <= 1 - at `$.inputs`"),
    (422, body(outputs=output(a=3)), "Object contains unknown field - at"),
    *((status, body(inputs=[tensor(**fields)]), words) for status, fields, words in TENSORS),
]


@pytest.mark.parametrize(("status", "content", "words"), REFUSED)
def test_invalid_request_is_refused(status: int, content: bytes, words: str) -> None:
    given_status, sentence = refusal(content)
    assert given_status == status and words in sentence
    assert len(sentence) < 250


def test_hostile_json_takes_little_memory() -> None:
    """Twice its size for the copies, and as much for what is parsed before it is refused."""
    size = Limits.max_tensor_bytes
    for start, part in (
        ('{"x":', "["),
        ('{"inputs":[{"shape":[', "9" * 600 + ","),
        ('{"id":"', "\\n"),
        ('{"inputs":[{"shape":[1,1,28,28],"name":"images","datatype":"UINT8","data":[', "[],"),
    ):
        for end in ("", "0]}]}"):
            content = (start + part * ((size - 100) // len(part)) + end).encode()
            tracemalloc.start()
            status, _ = refusal(content)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert status in (400, 413, 422)
            assert peak < 10 * size, (start, part)


@pytest.mark.parametrize(
    ("content", "json_length"),
    [
        *((body(), length) for length in ("-1", "", "9" * 5000, "٣", str(len(body()) + 1))),
        *(binary(size, bytes(1568)) for size in (1567, 1569, 0)),
        (body() + b"x", str(len(body()))),
    ],
)
def test_wrong_length_returns_400(content: bytes, json_length: str) -> None:
    assert refusal(content, json_length)[0] == 400
