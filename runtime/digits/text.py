"""Text that terminals, spreadsheets and JSON parsers take as it is: file names, notes, results.

Linux allows any bytes in a file name. In results, `\\x1b` stands for an ASCII control character or
a blank at an end, `\\u202e` for another control character or an invisible one, and `\\udcff` for
the byte ff, where that isn't UTF-8. Nothing turns these back into names.
"""

import re

# Those of ASCII and Latin-1, surrogates and two others that no XML holds, and Unicode's line ends,
# changes of direction and invisible characters, without those that join letters or choose an emoji
# (U+200C, U+200D, U+FE00 to U+FE0F).
_CONTROL = (
    r"[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e"
    r"\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff]"
)


def escape_control(text: str) -> str:
    """Escape control characters, and bytes of file names that aren't UTF-8.

    Otherwise a file name could move the cursor, end a line or reverse the text after it.

    >>> escape_control("red\\x1b[31m.png") == r"red\\x1b[31m.png"
    True
    """
    return re.sub(_CONTROL, escape, text)


def escape_name(name: str) -> str:
    """Escape a file name for results; blanks at its ends too, which tables strip."""
    return re.sub(rf"^\s|\s\Z|{_CONTROL}", escape, name)


def to_json(values: object) -> str:
    """Format strict JSON: valid Unicode, and null for NaN and infinity.

    >>> to_json({"accuracy": float("nan")})
    '{"accuracy": null}'
    """
    import json  # which would slow the start of `digits predict`

    text = json.dumps(values)
    if not re.search(r"\\ud|NaN|Infinity", text):
        return text
    text = json.dumps(values, ensure_ascii=False)
    text = re.sub("[\ud800-\udfff]", lambda surrogate: rf"\{escape(surrogate)}", text)
    return json.dumps(json.loads(text, parse_constant=lambda _: None))


def escape(character: re.Match[str]) -> str:
    """Escape one character, as a replacement for `re.sub`."""
    code = ord(character[0])
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"
