"""File names, which are arbitrary bytes on Linux, as text."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.text import escape_name, unescape_name

NAMES = {
    b"scans/a b.png": "scans/a b.png",
    "zwölf 十二.png".encode(): "zwölf 十二.png",
    b"\xff.png": r"\xff.png",
    b"\\xff.png": r"\x5cxff.png",
    b"\xe9\\\x80": r"\xe9\\x80",
    b"a\nb\x1b\x7f": r"a\x0ab\x1b\x7f",
    b"a\\nb\\x0g\\xFF": r"a\nb\x0g\xFF",
    "\x85\u202e\u2028".encode(): r"\u0085\u202e\u2028",
    "\ufeffa\u200b\xad.png".encode(): r"\ufeffa\u200b\u00ad.png",
    "\u0646\u200c\u0645 \u2764\ufe0f.png".encode(): "\u0646\u200c\u0645 \u2764\ufe0f.png",
    b"\x85\\u202e": r"\x85\x5cu202e",
    b"\xed\xb3\xbf": r"\xed\xb3\xbf",  # an encoded surrogate, which is invalid UTF-8
    b"-7;=1.png": "-7;=1.png",
}


@pytest.mark.unix
@pytest.mark.parametrize("raw", NAMES)
def test_escape_name(raw: bytes) -> None:
    assert escape_name(os.fsdecode(raw)) == NAMES[raw]


@pytest.mark.unix
@given(st.binary() | st.text(r"\xu0123abf" + "\x85\u202eé\ufeff").map(str.encode))
def test_escape_name_is_valid_unicode_and_reversible(raw: bytes) -> None:
    escaped = escape_name(os.fsdecode(raw))
    assert not set(map(chr, range(32))) & set(escaped)
    assert escaped.encode().decode() == escaped
    assert os.fsencode(unescape_name(escaped)) == raw


@pytest.mark.parametrize("name", ["\ud800.png", "\udcff\ud800é"])
def test_escape_name_of_lone_surrogate_is_valid_unicode(name: str) -> None:
    assert r"\ud800" in escape_name(name).encode().decode()
