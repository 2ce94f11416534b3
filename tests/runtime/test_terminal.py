import pytest

from digits.terminal import printable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a b.png", "a b.png"),
        ("é\u202f7.png", "é\u202f7.png"),  # as macOS names its screenshots
        ("a\x1b[31m\nb", r"a\x1b[31m\x0ab"),
        ("gnp.\u202e7", r"gnp.\u202e7"),
        ("a\u2028b\x85c", r"a\u2028b\x85c"),
    ],
)
def test_only_what_would_move_the_cursor_is_escaped(name: str, shown: str) -> None:
    assert printable(name) == shown
