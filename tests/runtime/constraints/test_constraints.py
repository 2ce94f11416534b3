"""Constraints: what they accept, what can't be, and how they are written."""

import math
import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from digits.constraints.allowed import AllowedNumbers
from digits.constraints.checks import CheckName
from digits.constraints.constraints import Constraints
from digits.errors import DataError

SIGNED = ["-5", "555-1234", "-1-2.5", "2026-11-28", "-.5", "5.", "1,25"]


@pytest.mark.parametrize(
    ("constraints", "accepted", "refused"),
    [
        (Constraints(), "1 -.5", "- . 1²"),
        (Constraints(length=(2, 4)), "12 1234 1.2", "1 12345 1-"),
        (Constraints(pattern=r"^\d{1,3},\d\d$"), "1.23 123.45", "123 1-23 1234.56 1.234"),
        (Constraints(pattern=r"[-,]\d(?!5)\d*[^,]"), "-123 .12 -12-", "-1.5 -153 1.23 -1234."),
        (Constraints(check="luhn"), "18 0000", "1 0 19 1-8"),
        (Constraints(check="ean13"), "4006381333931", "18 40063813339310000000000000000"),
        (Constraints(allowed=SIGNED), "-5 555-1234 -1-2.5 2026-11-28 -.5 5. 1.25", "5 1234 555"),
        (Constraints(range=(100, 999)), "100 999 0100 500.5", "99 1000 -500 99.9 999.01"),
        (Constraints(range=(-5, 12.5)), "-5 12.5 -0 .5 0", "-5.1 12.51 5. 1.2.3 1-2 --1"),
        (Constraints(range="0-9007199254740993"), "9007199254740993", "9007199254740994"),
        (Constraints(length=2, check="luhn", digits_only=True), "18 1-8 .18", "19 1-9"),
    ],
)
def test_accepted_and_refused(constraints: Constraints, accepted: str, refused: str) -> None:
    constraints = pickle.loads(pickle.dumps(constraints))  # as for a worker
    assert [text for text in accepted.split() if not constraints.accepts(text)] == []
    assert [text for text in refused.split() if constraints.accepts(text)] == []
    assert not constraints.accepts("")


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"length": 0}, "no number has 0 to 0 digits"),
        ({"pattern": "1" * 1001}, "the pattern has over 1,000 characters"),
        ({"pattern": "[]"}, "pattern: unterminated character set at position 0"),
        ({"pattern": "20O6"}, "pattern: 'O' is no digit, minus or point"),
        ({"range": (2, 1)}, "no number is from 2 to 1"),
        ({"allowed": "123"}, "the numbers are a list of texts, not '123'"),
        ({"allowed": []}, "there is no number"),
        *(
            (impossible, "no number satisfies all of these constraints")
            for impossible in (
                {"length": 8, "check": "isbn10"},
                {"range": "-5000--1000", "length": "2-3"},
            )
        ),
    ],
)
def test_malformed_and_impossible_constraints_are_refused(
    arguments: dict[str, Any], cause: str
) -> None:
    with pytest.raises(ValueError, match=cause):
        Constraints(**arguments)


@pytest.mark.parametrize(
    ("constraints", "text", "share"),
    [
        (Constraints(length=6, pattern=r"\d*", range=(0, 1e6)), "123456", 1),
        (Constraints(check="luhn"), "18", 1 / 10),
        (Constraints(allowed=[f"{number}" for number in range(500)]), "123", 400 / 1000),
        (Constraints(allowed=["1-5", *map(str, range(20, 31))], digits_only=True), "1.5", 12 / 100),
    ],
)
def test_share_is_that_of_the_strictest(constraints: Constraints, text: str, share: float) -> None:
    assert constraints.chance_rate(text) == pytest.approx(share)


@pytest.mark.parametrize(
    ("argument", "given", "parsed"),
    [
        ("length", "4 - 8", (4, 8)),
        ("range", "-5-12.5", (-5, 12.5)),
        ("range", " 0,5 - 1,5 ", (0.5, 1.5)),
        ("range", "0,125-1234,567", (0.125, Decimal("1234.567"))),
    ],
)
def test_forms_of_a_length_and_a_range(argument: str, given: Any, parsed: Any) -> None:
    constraints, same = Constraints(**{argument: given}), Constraints(**{argument: parsed})
    assert getattr(constraints, argument) == parsed
    assert constraints == same and hash(constraints) == hash(same)


@pytest.mark.parametrize(
    "given", ["", "six", "6-", "-6", "1-10000", "٣", True, 6.0, "1 2", "4 8-9"]
)
def test_what_is_no_length_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="^the length is 6 or 4-8, .* at most 9999, not "):
        Constraints(length=given)


@pytest.mark.parametrize(
    "given", ["5", "1e5-2e5", "0-" + 21 * "9", 5, (1, 2, 3), (0, math.nan), "1 0-2"]
)
def test_what_is_no_range_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="^the range is 100-999 or .* at most 20 digits, not "):
        Constraints(range=given)


@pytest.mark.parametrize("arguments", [{"range": "0-223,305"}, {"allowed": ["1", "223,305"]}])
def test_comma_with_two_readings_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"223,305 may be 223305 or 223\.305"):
        Constraints(**arguments)


@pytest.mark.parametrize(
    ("check", "number"),
    [
        *(("luhn", number) for number in ("4111111111111111", "79927398713", "490154203237518")),
        *(("ean13", number) for number in ("4006381333931", "9780306406157")),
        *(("isbn10", number) for number in ("0306406152", "0198526636")),
        *(("mod11", number) for number in ("86011117947", "12345678903")),
    ],
)
def test_numbers_in_use_are_valid_but_for_a_wrong_digit(check: CheckName, number: str) -> None:
    changed = {
        number[:index] + digit + number[index + 1 :]
        for index in range(len(number))
        for digit in "0123456789"
    }
    constraints = Constraints(check=check)
    assert [text for text in changed if constraints.accepts(text)] == [number]
    assert not constraints.accepts(f"-{number}")


LISTS = [
    ("12\n3.50\n-7\n12\n\n", None),
    (" 12 \n3,50\t\n\n\u22127\n", None),
    ('"12"\n"3,50"\n"-7"\n', None),
    ("Numbers 2024\n12\n3,50\n-7\n", None),
    ("name;number;x\na;12;\nb;3,50;4\n\n;;\nc;-7;\n", None),
    ('name,Number\na,12\nb,"3,50"\nc, -7\n', "number"),
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize(("text", "column"), LISTS)
def test_list_in_any_dialect(tmp_path: Path, text: str, column: str | None, encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    (tmp_path / "any.csv").write_bytes(mark + text.encode(encoding))
    allowed = AllowedNumbers.load(tmp_path / "any.csv", column)
    assert [allowed.count(length) for length in range(6)] == [0, 0, 2, 0, 1, 0]
    assert {*allowed} == {"12", "3.50", "-7"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("raw", "column", "cause"),
    [
        (b"", None, ", line 1: there is no number"),
        (b"12\n482017,482018\n", None, ", line 2: '482017,482018' is no number"),
        (b"12\n\n" + b"1" * 65 + b"\n", None, ", line 3: a number has over 64 digits and signs"),
        (b"number\n" + b"\n" * 1_048_576, None, " has over 1,048,576 lines, too many for a list"),
        (b"a;number\nb;12\nc;1,2;3\n", None, ", line 3: more cells than columns"),
        (b"a;b\nb;12\n", None, ": its columns are a, b; needs number"),
        (b'name,number\na,12\nb,"13\n', None, ", line 3: unexpected end of data; is a quote"),
    ],
)
def test_what_is_no_list(tmp_path: Path, raw: bytes, column: str | None, cause: str) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(raw)
    with pytest.raises(DataError) as caught:
        AllowedNumbers.load(path, column)
    assert str(caught.value).startswith(f"{path}{cause}")
