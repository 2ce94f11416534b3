import pytest

from digits.constraints.automaton import accepts_text
from digits.constraints.checks import CHECKS, CheckName


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
