"""File names as text: valid Unicode, the same in every locale, and no two names alike.

Linux allows any bytes in a name. `\\xff` stands for a byte that is no UTF-8, or for a control
character of ASCII; `\\u202e` for one beyond. A name that holds such letters itself has `\\x5c` for
their backslash.
"""

import re
import sys

from digits.terminal import printable

_CODE = r"(?:x([0-9a-f]{2})|u([0-9a-f]{4}))"  # what follows the backslash


def escape_name(name: str) -> str:
    """How a file is called in results."""
    return printable(re.sub(rf"\\(?={_CODE})", r"\\x5c", name))


def unescape_name(text: str) -> str:
    """The file that is called so in results; other text stays as it is."""
    raw = re.sub(rf"\\{_CODE}".encode(), _unescaped, text.encode(errors="surrogateescape"))
    return raw.decode(sys.getfilesystemencoding(), "surrogateescape")


def _unescaped(found: re.Match[bytes]) -> bytes:
    byte, character = found.groups()
    if byte:
        return bytes([int(byte, 16)])
    return chr(int(character, 16)).encode(errors="surrogatepass")
