"""Patterns, compared with Python's own regular expressions; and those that are refused."""

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.constraints.automaton import accepts_text
from digits.constraints.pattern import Pattern
from digits.inference.interface import SYMBOLS

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
        ("|".join(f".*{digit}.{{90}}" for digit in range(10)), "is too complicated: over 2,000"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, cause: str) -> None:
    with pytest.raises(ValueError, match="pattern") as caught:
        Pattern(pattern)
    assert cause in str(caught.value)
