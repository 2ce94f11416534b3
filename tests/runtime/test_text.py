"""Text from anyone, such as file names, which are arbitrary bytes on Linux."""

import json
import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.terminal import print_stderr
from digits.text import escape_name, to_json, unescape_name

NAMES = {
    "zwölf 十二.png".encode(): "zwölf 十二.png",
    b"\xff.png": r"\xff.png",
    b"a\nb\x1b\x7f": r"a\x0ab\x1b\x7f",
    b"a\\nb\\x0g\\xFF": r"a\nb\x0g\xFF",
    b"scans\\xab1.png": r"scans\x5cxab1.png",
    "\x85\u202e\u2028".encode(): r"\u0085\u202e\u2028",
    "\ufeffa\u200b\xad.png".encode(): r"\ufeffa\u200b\u00ad.png",
    "\u0646\u200c\u0645 \u2764\ufe0f.png".encode(): "\u0646\u200c\u0645 \u2764\ufe0f.png",
    b"\xed\xb3\xbf": r"\xed\xb3\xbf",  # an encoded surrogate, which is invalid UTF-8
}


@pytest.mark.unix
def test_escaped_name() -> None:
    assert {raw: escape_name(os.fsdecode(raw)) for raw in NAMES} == NAMES


@pytest.mark.unix
@given(st.binary() | st.text("\\xu0123abf\x85\u202eé\ufeff").map(str.encode))
def test_escaped_name_is_valid_unicode_and_unescaped(raw: bytes) -> None:
    escaped = escape_name(os.fsdecode(raw))
    assert not set(map(chr, range(32))) & set(escaped)
    assert escaped.encode().decode() == escaped
    assert os.fsencode(unescape_name(escaped)) == raw


def test_stderr_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_stderr("error: a\x1b[31m\nb\udcff\ud800")
    assert capsys.readouterr().err == "error: a\\x1b[31m\\x0ab\\xff\\ud800\n"


def test_json_has_no_nan_or_surrogates() -> None:
    values = {"a": [math.nan, (1.5, -math.inf)], "b\ud800": {"c": "d\udcff\n"}, "e": None}
    read = json.loads(to_json(values), parse_constant=pytest.fail)
    assert read == {"a": [None, [1.5, None]], r"b\ud800": {"c": "d\\xff\n"}, "e": None}
