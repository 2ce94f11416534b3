"""Constraints, lists and patterns: what they accept, what can't be, and how they are written."""

import math
import pickle
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.constraints.allowed import AllowedNumbers
from digits.constraints.automaton import CHECKS, CheckName, accepts_text
from digits.constraints.constraints import Constraints
from digits.constraints.pattern import Pattern
from digits.errors import DataError
from digits.inference.interface import SYMBOLS

SIGNED = ["-5", "555-1234", "-1-2.5", "2026-11-28", "-.5", "5.", "1,25"]
BOUNDS = st.decimals(-1000, 1000, places=1).map(float)
TEXTS = st.from_regex(r"-?[0-9]{0,5}\.?[0-9]{0,3}-?", fullmatch=True).filter(str.isascii)


@pytest.mark.parametrize(
    ("constraints", "accepted", "refused"),
    [
        (Constraints(), "1 -.5", "- ."),
        (Constraints(length=(2, 4)), "12 1234 1.2", "1 12345 1-"),
        (Constraints(pattern=r"\d,\d\d"), "1.23", "123 1-23"),
        (Constraints(check="luhn"), "18 0000", "1 0 19 1-8"),
        (Constraints(check="ean13"), "4006381333931", "18 40063813339310000000000000000"),
        (Constraints(values=SIGNED), "-5 555-1234 -1-2.5 2026-11-28 -.5 5. 1.25", "5 1234 555"),
        (Constraints(values=["-" + "1" * 63]), "-" + "1" * 63, "1" * 63),
        (Constraints(range=(100, 999)), "100 999 0100 500.5", "99 1000 -500 99.9 999.01"),
        (Constraints(range=(-5, 12.5)), "-5 12.5 -0 .5 0", "-5.1 12.51 5. 1.2.3 1-2 --1"),
        (Constraints(range=(-math.inf, -7)), "-7 -1000.5", "-6.9 7 0"),
        (Constraints(range=(1e20, math.inf)), "1" + 30 * "0", "1"),
        (Constraints(range="0-9007199254740993"), "9007199254740993", "9007199254740994"),
        (
            Constraints(range="-0.1234567890123456789-0"),
            "-.1234567890123456789",
            "-.123456789012345679",
        ),
        (Constraints(length=2, check="luhn", digits_only=True), "18 1-8 .18", "19 1-9"),
        (Constraints(values=["12"], range=(0, 12), digits_only=True), "12 1.2 -1-2-", "1"),
        (Constraints(values=["555-12", "1.5"], digits_only=True), "55512 5-5512 15", "555-1"),
    ],
)
def test_accepted_and_refused(constraints: Constraints, accepted: str, refused: str) -> None:
    automaton = pickle.loads(pickle.dumps(constraints)).automaton
    assert [text for text in accepted.split() if not accepts_text(automaton, text)] == []
    assert [text for text in refused.split() if accepts_text(automaton, text)] == []
    assert not accepts_text(automaton, "")


@given(BOUNDS, BOUNDS, TEXTS)
def test_range_compares_values(first: float, second: float, text: str) -> None:
    low, high = sorted((first, second))
    is_number = re.fullmatch(r"-?[0-9]*\.?[0-9]+", text) is not None
    automaton = Constraints(range=(low, high)).automaton
    assert accepts_text(automaton, text) == (is_number and low <= float(text) <= high)
    assert accepts_text(automaton, str(low))
    assert accepts_text(automaton, str(high))


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"length": 0}, "no number has 0 to 0 digits"),
        ({"check": ["luhn"]}, r"the check is \['luhn'\], not one of luhn"),
        ({"pattern": 5}, "the pattern is a text, not 5"),
        ({"range": (2, 1)}, "no number is from 2 to 1"),
        ({"values": [482017]}, "482017 is no text, such as '007'"),
        ({"values": "123"}, "the numbers are a list of texts, not '123'"),
        ({"values": []}, "there is no number"),
        *(
            (impossible, "no number satisfies all of these constraints")
            for impossible in (
                {"pattern": r"[.-]*"},
                {"length": 8, "check": "isbn10"},
                {"check": "luhn", "values": ["12", "19"]},
                {"range": (1000, math.inf), "length": 3},
            )
        ),
    ],
)
def test_malformed_and_impossible_constraints_are_refused(
    arguments: dict[str, Any], cause: str
) -> None:
    with pytest.raises(ValueError, match=cause):
        Constraints(**arguments)


@pytest.mark.slow
def test_what_takes_too_long_to_tell_is_taken_as_possible() -> None:
    assert Constraints(pattern=r"(\d{7})*", check="luhn", length=9998)  # no multiple of 7


def test_nothing_asked_is_false() -> None:
    assert not Constraints(digits_only=True)
    assert all((Constraints(length=1), Constraints(pattern="1"), Constraints(range=(0, 0))))
    assert all((Constraints(check="luhn"), Constraints(values=["1"])))


@pytest.mark.parametrize(
    ("constraints", "text", "share"),
    [
        (Constraints(length=6, pattern=r"\d*", range=(0, 1e6)), "123456", 1),
        (Constraints(check="luhn"), "18", 1 / 10),
        (Constraints(values=[f"{number}" for number in range(500)]), "123", 400 / 1000),
        (Constraints(values=["1-5", *map(str, range(20, 31))], digits_only=True), "1.5", 12 / 100),
    ],
)
def test_share_is_that_of_the_strictest(constraints: Constraints, text: str, share: float) -> None:
    assert constraints.share(text) == pytest.approx(share)


@pytest.mark.parametrize(
    ("argument", "given", "parsed"),
    [
        ("length", "4 - 8", (4, 8)),
        ("length", [4, 8], (4, 8)),
        ("length", "1-9999", (1, 9999)),
        ("range", "-5-12.5", (-5, 12.5)),
        ("range", "-10--5", (-10, -5)),
        ("range", " 0,5 - 1,5 ", (0.5, 1.5)),
        ("range", [1, 5], (1, 5)),
        ("range", "0-" + 20 * "9", (0, 10**20 - 1)),
        ("range", "0,125-1234,567", (0.125, Decimal("1234.567"))),
    ],
)
def test_forms_of_a_length_and_a_range(argument: str, given: Any, parsed: Any) -> None:
    constraints, same = Constraints(**{argument: given}), Constraints(**{argument: parsed})
    assert getattr(constraints, argument) == parsed
    assert constraints == same and hash(constraints) == hash(same)


@pytest.mark.parametrize(
    "given", ["", "six", "6-", "-6", "1-10000", "٣", True, 6.0, (4, None), "1 2"]
)
def test_what_is_no_length_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="^the length is 6 or 4-8, .* at most 9999, not "):
        Constraints(length=given)


@pytest.mark.parametrize(
    "given", ["5", "1e5-2e5", "0-" + 21 * "9", 5, (1, 2, 3), (0, math.nan), "1 0-2 0", "55"]
)
def test_what_is_no_range_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="^the range is 100-999 or .* at most 20 digits, not "):
        Constraints(range=given)


@pytest.mark.parametrize("argument", [{"range": "0-1,000"}, {"values": ["12", "-1,000"]}])
def test_comma_with_two_readings_is_refused(argument: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"1000 or .*1\.000"):
        Constraints(**argument)


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
    assert [text for text in changed if accepts_text(CHECKS[check], text)] == [number]
    assert not accepts_text(CHECKS[check], f"-{number}")


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
    ("Numbers 2024\n12\n3,50\n-7\n", None),
    ("number,room2\n12,1\n3.50,1\n-7,1\n", None),
    ("name;number;x\na;12;\nb;3,50;4\n\n;;\nc;-7;\n", None),
    ('name,Number\na,12\nb,"3,50"\nc, -7\n', "number"),
    ('meter\tname 1\n12\ta\n"3.50"\tb\n-7\tc\n', "Meter"),
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize(("text", "column"), LISTS)
def test_list_in_any_dialect(tmp_path: Path, text: str, column: str | None, encoding: str) -> None:
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
def test_what_is_no_list(tmp_path: Path, raw: bytes, column: str | None, cause: str) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(raw)
    with pytest.raises(DataError) as caught:
        AllowedNumbers.load(path, column)
    assert str(caught.value).startswith(f"{path}{cause}")


ATOMS = ["0", "1", "-", r"\.", ".", r"\d", r"\W", "[0-3]", "[^0-4]", "[1.-]", "()", r"[^-\d]"]
REPEATS = ["", "", "*", "+", "?", "{2}", "{1,2}", "{0}", "{0,2}", "{1,}"]
PATTERNS = st.recursive(
    st.sampled_from(ATOMS),
    lambda part: st.one_of(
        st.tuples(part, part).map("".join),
        st.tuples(part, part).map("|".join),
        st.tuples(part, st.sampled_from(REPEATS)).map(lambda parts: f"({parts[0]}){parts[1]}"),
    ),
    max_leaves=6,
)


@given(PATTERNS, st.text("017.-", max_size=6))
def test_pattern_accepts_what_python_matches(pattern: str, text: str) -> None:
    """And a step is refused only where no text can go on."""
    automaton = pickle.loads(pickle.dumps(Pattern(pattern)))
    assert accepts_text(automaton, text) == bool(re.fullmatch(pattern, text))
    state = automaton.start
    for symbol in text:
        followers = {symbol: automaton.step(state, symbol) for symbol in SYMBOLS}
        assert automaton.accepts(state) or any(step is not None for step in followers.values())
        if (state := followers[symbol]) is None:
            break


@pytest.mark.parametrize(
    ("pattern", "accepted", "refused"),
    [
        ("", "", "0"),
        (r"\d{1,3},\d\d", "12.50", "1250"),
        (r"[-5]\-[5-]", "5--", "5-."),
        (r"(\d+)+(\d+)+-", 500 * "1" + "-", 500 * "1"),
        (r"((1?){15}){15}", 225 * "1", 226 * "1"),
        ("|".join(["123456"] * 142) + "|654321", "123456", "12345"),  # 1,000 characters
        ("((((){1000}){1000}){1000}){1000}", "", "1"),
        ("|".join(f".*{digit}.{{90}}" for digit in range(10)), 99 * "1", 90 * "1"),
    ],
)
def test_whole_number_matches(pattern: str, accepted: str, refused: str) -> None:
    automaton = Pattern(pattern)
    assert accepts_text(automaton, accepted)
    assert not accepts_text(automaton, refused)


@pytest.mark.parametrize(
    ("pattern", "cause"),
    [
        *(
            (pattern, "a part of it stands for no symbol; it may have digits")
            for pattern in (r"1\s", r"(1)\1", "1$2", r"[^\d.-]", "1*+")
        ),
        *(
            (pattern, f"pattern: {symbol!r} is no digit, minus or point; it may have digits")
            for pattern, symbol in (("12a", "a"), ("٣", "٣"), ("[0O1]", "O"))
        ),
        ("[]", "unterminated character set at position 0"),
        ("(" * 500 + ")" * 500, "too many groups in groups"),
        ("1" * 1001, "the pattern has over 1,000 characters"),
        (r"(\d{1,1000}){1,1000}", "over 1,000 symbols with its repetitions"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, cause: str) -> None:
    with pytest.raises(ValueError, match="pattern") as caught:
        Pattern(pattern)
    assert cause in str(caught.value)
