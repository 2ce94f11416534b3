import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from starlette.exceptions import HTTPException

from digits.serve import v2
from digits.serve.limits import Limits

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
        v2.parse_request(body, json_length)
    return refused.value.status_code, refused.value.detail


@pytest.mark.parametrize("data", [IMAGES.ravel().tolist(), IMAGES.tolist(), IMAGES[:, 0].tolist()])
def test_flat_and_nested_lists_give_same_images(data: list[Any]) -> None:
    asked = v2.parse_request(body(inputs=[tensor(data=data)]), None)
    np.testing.assert_array_equal(asked.images, IMAGES)
    assert asked.id is UNSET and not asked.binary and asked.classes is None


def test_binary_tensor_is_decoded() -> None:
    head = body(inputs=[tensor(data=None, parameters={"binary_data_size": IMAGES.size})])
    asked = v2.parse_request(head + IMAGES.tobytes(), str(len(head)))
    np.testing.assert_array_equal(asked.images, IMAGES)


@pytest.mark.parametrize(
    ("content", "binary"),
    [
        ({"parameters": {"binary_data_output": True}}, True),
        ({"outputs": [{"name": "probabilities"}]}, False),
        ({"outputs": [{"name": "probabilities", "parameters": {"binary_data": True}}]}, True),
        (
            {
                "parameters": {"binary_data_output": True},
                "outputs": [{"name": "probabilities", "parameters": {"binary_data": False}}],
            },
            False,
        ),
    ],
)
def test_requested_output_encoding_is_parsed(content: dict[str, Any], binary: bool) -> None:
    assert v2.parse_request(body(**content), None).binary is binary


@pytest.mark.parametrize("classes", [1, 3, 10, 99])
@pytest.mark.parametrize("binary", [False, True])
def test_classification_names_the_likeliest_answers(classes: int, binary: bool) -> None:
    parameters = {"classification": classes, "binary_data": binary}
    outputs = [{"name": "probabilities", "parameters": parameters}]
    asked = v2.parse_request(body(outputs=outputs), None)
    rows = np.full((2, 10), 0.01, np.float32)
    rows[0, 7], rows[1, [3, 5]] = 0.91, (0.4, 0.52)
    content, headers = v2.encode_response(asked, rows, "lenet5", "1")
    length = int(headers.get(v2.JSON_LENGTH, len(content)))
    [output] = json.loads(content[:length])["outputs"]
    shown = min(classes, 10)
    assert (output["datatype"], output["shape"]) == ("BYTES", [2, shown])
    if binary:
        assert output["parameters"]["binary_data_size"] == len(content) - length
        texts, at = [], length
        while at < len(content):
            end = at + 4 + int.from_bytes(content[at : at + 4], "little")
            texts.append(content[at + 4 : end].decode())
            at = end
    else:
        texts = output["data"]
    assert len(texts) == 2 * shown
    assert texts[0] == "0.910000:7"
    assert texts[shown : shown + 3] == ["0.520000:5", "0.400000:3", "0.010000:0"][:shown]


@pytest.mark.parametrize("binary", [False, True])
def test_encoded_response_round_trips(binary: bool) -> None:
    rows = np.linspace(0, 1, 20, dtype=np.float32).reshape(2, 10)
    content, headers = v2.encode_response(v2.Request("one", IMAGES, binary), rows, "lenet5", "1")
    length = int(headers.get(v2.JSON_LENGTH, len(content)))
    answer = json.loads(content[:length])
    [output] = answer.pop("outputs")
    assert answer == {"model_name": "lenet5", "model_version": "1", "id": "one"}
    assert (output["name"], output["datatype"]) == ("probabilities", "FP32")
    assert output["shape"] == [2, 10]
    if binary:
        assert output["parameters"] == {"binary_data_size": 80}
        numbers = np.frombuffer(content[length:], "<f4")
    else:
        numbers = np.array(output["data"], np.float32)
    np.testing.assert_array_equal(numbers.reshape(2, 10), rows)


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"\xff\xfe{}", 400, "not JSON: it is not UTF-8"),
        (b'{"x": ' + b"[" * 20_000, 400, "not JSON: it is nested too deeply"),
        (b'{"x": "' + b"\xed\xa0\x80" * 999 + b'"}', 400, "not JSON: it is not UTF-8"),
        ("{}".encode("utf-16"), 400, "not JSON"),
        (b'{"x": NaN}', 400, "not JSON"),
        (b'{"x": -Infinity}', 400, "not JSON"),
        (b"9" * 10_000, 422, "the request is out of range"),
        (b"[]", 422, "the request must be an object"),
        (b"{}", 422, "the request lacks inputs"),
        (body(id=7), 422, "id must be a string or null"),
        (body(parameters=[]), 422, "parameters must be an object"),
        (
            body(parameters={"binary_data_output": 1}),
            422,
            "parameters.binary_data_output must be true or false",
        ),
        (body(inputs=[]), 422, "inputs must be a list of length >= 1"),
        (body(inputs=[tensor(), tensor()]), 422, "inputs must be a list of length <= 1"),
        (body(inputs=["images"]), 422, "inputs[0] must be an object"),
        (body(inputs=[tensor(shape=None)]), 422, "inputs[0] lacks shape"),
        (body(inputs=[tensor(name="x\n")]), 422, "inputs[0].name must be images"),
        (body(inputs=[tensor(datatype="FP32")]), 422, "inputs[0].datatype must be UINT8"),
        (body(inputs=[tensor(shape="2")]), 422, "inputs[0].shape must be a list"),
        (body(inputs=[tensor(shape=[])]), 422, "inputs[0].shape must be"),
        (body(inputs=[tensor(shape=[2.0, 1, 28, 28])]), 422, "shape[0] must be an integer"),
        (body(inputs=[tensor(shape=[True, 1, 28, 28])]), 422, "shape[0] must be an integer"),
        (body(inputs=[tensor(shape=[2, 784])]), 422, "shape must be a list of length >= 4"),
        (body(inputs=[tensor(shape=[2, 28, 28, 1])]), 422, "shape must be [n, 1, 28, 28]"),
        (body(inputs=[tensor(shape=[0, 1, 28, 28])]), 422, "shape must be"),
        (body(inputs=[tensor(shape=[-1, 1, 28, 28])]), 422, "shape must be"),
        (body(inputs=[tensor(shape=[10**30, 1, 28, 28])]), 413, "at most 256"),
        (body(inputs=[tensor(shape=[Limits.max_batch + 1, 1, 28, 28])]), 413, "at most 256"),
        (body(inputs=[tensor(shape=[1, 1, 28, 28])]), 422, "784 pixels are expected, not 1568"),
        (body(inputs=[tensor(data=None)]), 422, "inputs[0] lacks data"),
        (body(inputs=[tensor(data=7)]), 422, "inputs[0].data must be a list"),
        (body(inputs=[tensor(data=[0, 256] * 784)]), 422, "data[1] must be an integer <= 255"),
        (body(inputs=[tensor(data=[-1] * 1568)]), 422, "data[0] must be an integer >= 0"),
        (body(inputs=[tensor(data=[0.5] * 1568)]), 422, "data[0] must be an integer"),
        (body(inputs=[tensor(data=[True] * 1568)]), 422, "data[0] must be an integer"),
        (body(inputs=[tensor(data=["0"] * 1568)]), 422, "data[0] must be an integer"),
        (body(inputs=[tensor(data=["[0]"] * 1568)]), 422, "data[0] must be an integer"),
        (body(inputs=[tensor(data=[[0] * 784, {}])]), 422, "data[784] must be an integer"),
        (body(outputs={}), 422, "outputs must be a list"),
        (body(outputs=[{"name": "logits"}]), 422, "outputs[0].name must be probabilities"),
        (
            body(outputs=[{"name": "probabilities", "parameters": {"a - at `$.b`\n": 3}}]),
            422,
            "outputs[0].parameters may have binary_data and classification only",
        ),
        (
            body(outputs=[{"name": "probabilities", "parameters": {"classification": 0}}]),
            422,
            "outputs[0].parameters.classification must be an integer >= 1",
        ),
        (
            body(inputs=[tensor(parameters={"binary_data_size": 1568})]),
            400,
            "binary_data_size is wrong: 0 bytes follow",
        ),
        (
            body(inputs=[tensor(data=None, parameters={"binary_data_size": True})]),
            422,
            "inputs[0].parameters.binary_data_size must be an integer",
        ),
    ],
)
def test_invalid_request_is_refused(content: bytes, status: int, words: str) -> None:
    found, sentence = refusal(content)
    assert found == status
    assert words in sentence
    assert not set("`$\n") & set(sentence)  # what msgspec says, or the client has sent


def test_hostile_json_takes_little_memory() -> None:
    """Twice its size for the copies, and as much for what is parsed before it is refused."""
    size = Limits.max_tensor_bytes
    for start, part in (
        ('{"x":', "["),
        ('{"inputs":', "[],"),
        ('{"outputs":[', '{"name":"probabilities"},'),
        ('{"inputs":[{"shape":[', "1,"),
        ('{"inputs":[{"shape":[', "9" * 600 + ","),
        ('{"id":"', "\\n"),
        ('{"inputs":[{"shape":[1,1,28,28],"name":"images","datatype":"UINT8","data":[', "[],"),
        ('{"inputs":[{"shape":[1,1,28,28],"name":"images","datatype":"UINT8","data":[', "1,"),
    ):
        for end in ("", "0]}]}"):
            content = (start + part * ((size - 100) // len(part)) + end).encode()
            tracemalloc.start()
            status, _ = refusal(content)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert status in (400, 413, 422)
            assert peak < 10 * size, (start, part)


@pytest.mark.parametrize("length", [641, 5000, 1_000_000])
@pytest.mark.parametrize("place", ['{"inputs":[{"shape":[%s', '{"x":%s', '{"id":%s', "%s"])
def test_error_of_huge_integer_names_no_function(place: str, length: int) -> None:
    status, sentence = refusal((place % ("9" * length)).encode())
    assert status in (400, 422)
    assert "digits" not in sentence and "()" not in sentence and len(sentence) < 100


def test_last_of_duplicate_keys_counts() -> None:
    twice = body()[:-1] + b', "id": "a", "id": "b"}'
    assert v2.parse_request(twice, None).id == "b"


@pytest.mark.parametrize("length", ["-1", "x", "", "1e3", "99999999999", "٣", "5000"])
def test_invalid_json_length_returns_400(length: str) -> None:
    assert refusal(b"{}", length)[0] == 400


@pytest.mark.parametrize("size", [1567, 1569, 0])
def test_wrong_binary_data_size_returns_400(size: object) -> None:
    head = body(inputs=[tensor(data=None, parameters={"binary_data_size": size})])
    assert refusal(head + bytes(1568), str(len(head)))[0] == 400


def test_trailing_bytes_return_400() -> None:
    assert refusal(body() + b"x", str(len(body())))[0] == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
)


@given(st.sampled_from(["name", "shape", "datatype", "data", "parameters"]), JSON)
def test_arbitrary_tensor_field_is_parsed_or_refused(key: str, value: object) -> None:
    try:
        v2.parse_request(body(inputs=[tensor() | {key: value}]), None)
    except HTTPException as error:
        assert error.status_code in (400, 413, 422)


@given(st.sampled_from(["id", "inputs", "outputs", "parameters"]), JSON)
def test_arbitrary_request_field_is_parsed_or_refused(key: str, value: object) -> None:
    try:
        v2.parse_request(json.dumps({"inputs": [tensor()]} | {key: value}).encode(), None)
    except HTTPException as error:
        assert error.status_code in (400, 413, 422)
