"""Lists of allowed numbers, as people and programs write them, and what is no list."""

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.constraints.allowed import AllowedNumbers
from digits.constraints.automaton import accepts_text
from digits.errors import DataError

NUMBERS = st.from_regex(r"-?[12]{1,3}(-[12])?(\.[12]?)?", fullmatch=True)


@pytest.mark.slow
@given(st.lists(NUMBERS, min_size=1, max_size=8), NUMBERS)
def test_allowed_are_those_of_the_list(numbers: list[str], text: str) -> None:
    allowed = pickle.loads(pickle.dumps(AllowedNumbers(numbers)))
    for number in [*numbers, text, numbers[0] + "0"]:
        assert accepts_text(allowed, number) == (number in numbers)
        begins = any(entry.startswith(number) for entry in numbers)
        assert (allowed.step(number[:-1], number[-1]) is not None) == begins
    assert repr(allowed) == repr(AllowedNumbers(sorted(numbers, reverse=True)))
    for length in range(22):
        assert allowed.count(length) == len({n for n in numbers if len(n) == length})


LISTS = [
    ("12\n3.50\n-7\n12\n\n", None),
    ("12\r\n3.50\r\n-7", None),
    (" 12 \n3,50\t\n\n\u22127\n", None),
    ('"12"\n"3,50"\n"-7"\n', None),
    ("Our numbers\n12\n3,50\n-7\n", None),
    ("name;number;x\na;12;\nb;3,50;4\n\n;;\nc;-7;\n", None),
    ('name,Number\na,12\nb,"3,50"\nc, -7\n', "number"),
    ('meter\tname 1\n12\ta\n"3.50"\tb\n-7\tc\n', "Meter"),
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize(("text", "column"), LISTS)
def test_list_in_any_dialect_and_encoding(
    tmp_path: Path, text: str, column: str | None, encoding: str
) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    (tmp_path / "any.csv").write_bytes(mark + text.encode(encoding))
    allowed = AllowedNumbers.load(tmp_path / "any.csv", column)
    assert [allowed.count(length) for length in range(6)] == [0, 0, 2, 0, 1, 0]
    assert all(accepts_text(allowed, number) for number in ("12", "3.50", "-7"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("raw", "column", "cause"),
    [
        (b"", None, ", line 1: there is no number"),
        (b"12a4\n12\n", None, ", line 1: '12a4' is no number"),
        (b"12\n482017,482018\n", None, ", line 2: '482017,482018' is no number"),
        (b"3.50\n1.234,50", None, ", line 2: '1.234,50' is no number"),
        (b"-7\n--5\n", None, ", line 2: '--5' is no number"),
        (b"12-34\n12-34-\n", None, ", line 2: '12-34-' is no number"),
        (b"12\n\xe9\n", None, ", line 2: '\\udce9' is no number"),
        (b"12\n\n" + b"1" * 65 + b"\n", None, ", line 3: a number has over 64 digits and signs"),
        (b"number\n" + b"\n" * 1_048_576, None, " has over 1,048,576 lines, too many for a list"),
        (b"a;number\nb;12\nc;1,2;3\n", None, ", line 3: more cells than columns"),
        (b"a;b\nb;12\n", None, ": its columns are a, b; needs number"),
        (b"a;a\nb;12\n", "a", ": several columns are named a"),
        (b'name,number\na,12\nb,"13\n', None, ", line 3: unexpected end of data; is a quote"),
    ],
)
def test_what_is_no_list_is_refused(
    tmp_path: Path, raw: bytes, column: str | None, cause: str
) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(raw)
    with pytest.raises(DataError) as caught:
        AllowedNumbers.load(path, column)
    assert str(caught.value).startswith(f"{path}{cause}")
