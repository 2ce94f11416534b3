import pytest

from digits.terminal import print_stderr
from digits.text import escape_control


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a b.png", "a b.png"),
        ("é\u202f7.png", "é\u202f7.png"),  # as macOS names its screenshots
        ("a\x1b[31m\nb", r"a\x1b[31m\x0ab"),
        ("gnp.\u202e7", r"gnp.\u202e7"),
        ("a\u2028b\x85c", r"a\u2028b\u0085c"),
        ("7\u061c.png", r"7\u061c.png"),
        ("\udcff.png", r"\xff.png"),  # a byte that is invalid in UTF-8
        ("\ud800.png", r"\ud800.png"),  # impossible in a Linux file name
    ],
)
def test_escape_control_keeps_printable_text(name: str, shown: str) -> None:
    assert escape_control(name) == shown


def test_print_stderr_keeps_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_stderr("error: a\x1b[31m\nb\udcff")
    assert capsys.readouterr().err == "error: a\\x1b[31m\\x0ab\\xff\n"
