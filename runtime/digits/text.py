"""Text that terminals, spreadsheets and JSON parsers take as it is: file names, notes, results.

Linux allows any bytes in a file name. In results, `\\xff` stands for a byte that isn't UTF-8 or for
an ASCII control character, `\\u202e` for another control character or an invisible one, and `\\x5c`
for the backslash of a name that looks like that already. So no two names become one, in any locale.
"""

import os
import re
import sys

_ESCAPE = r"(?:x([0-9a-f]{2})|u([0-9a-f]{4}))"  # follows the backslash
# Those of ASCII and Latin-1, and Unicode's line separators, changes of direction and invisible
# characters, without those that join letters or choose an emoji (U+200C, U+200D, U+FE00 to U+FE0F).
_CONTROL = (
    r"[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e"
    r"\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb]"
)
_NOT_STRICT = r"\\ud|NaN|Infinity"  # perhaps invalid JSON


def escape_control(text: str) -> str:
    """Escape control characters, and bytes of file names that aren't UTF-8.

    Otherwise a file name could move the cursor, end a line or reverse the text after it.

    >>> escape_control("red\\x1b[31m.png") == r"red\\x1b[31m.png"
    True
    """
    if text.isascii() and text.isprintable():
        return text
    try:
        raw = os.fsencode(text)  # in a locale without UTF-8, names are decoded differently
    except UnicodeEncodeError:  # not from a file name of this locale
        raw = text.encode(errors="backslashreplace")
    return re.sub(_CONTROL, escape, raw.decode(errors="backslashreplace"))


def escape_name(name: str) -> str:
    """Escape a file name for results, reversibly."""
    return escape_control(re.sub(rf"\\(?={_ESCAPE})", r"\\x5c", name))


def unescape_name(text: str) -> str:
    """Undo `escape_name` and the escapes of CSV; other text stays as it is."""
    raw = re.sub(rf"\\{_ESCAPE}".encode(), _unescape, text.encode(errors="surrogateescape"))
    return raw.decode(sys.getfilesystemencoding(), "surrogateescape")


def to_json(values: object) -> str:
    """Format strict JSON: valid Unicode, and null for NaN and infinity.

    >>> to_json({"accuracy": float("nan")})
    '{"accuracy": null}'
    """
    import json  # which would slow the start of `digits predict`

    text = json.dumps(values)
    if not re.search(_NOT_STRICT, text):
        return text
    text = json.dumps(values, ensure_ascii=False)
    text = re.sub("[\ud800-\udfff]", lambda surrogate: f"\\\\u{ord(surrogate[0]):04x}", text)
    return json.dumps(json.loads(text, parse_constant=lambda _: None))


def escape(character: re.Match[str]) -> str:
    """The escape of one character, as a replacement for `re.sub`."""
    code = ord(character[0])
    return f"\\x{code:02x}" if code < 128 else f"\\u{code:04x}"


def _unescape(escaped: re.Match[bytes]) -> bytes:
    byte, character = escaped.groups()
    if byte:
        return bytes([int(byte, 16)])
    return chr(int(character, 16)).encode(errors="surrogatepass")
