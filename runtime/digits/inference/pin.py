"""A model that must be the very one that somebody has made: pinned by the SHA-256 of its file."""

import hashlib
import os
import re

from digits.errors import ModelError

VARIABLE = "DIGITS_MODEL_SHA256"
FORM = "a SHA-256 has 64 hexadecimal digits"


def parse(sha256: str) -> str:
    """The digest in lower case. Raises ValueError when it is none."""
    if not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise ValueError(FORM)
    return sha256.lower()


def from_environment() -> str:
    """$DIGITS_MODEL_SHA256, or nothing. Raises ModelError when it is no SHA-256."""
    try:
        return parse(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else ""
    except ValueError as error:
        raise ModelError(f"${VARIABLE} can't be {os.environ[VARIABLE]!r}: {FORM}") from error


def check(model: bytes, sha256: str, name: str) -> None:
    """Raises ModelError unless the file, called `name`, has this SHA-256."""
    found = hashlib.sha256(model).hexdigest()
    if found != sha256:
        raise ModelError(
            f"{name} is not the model that is wanted: its SHA-256 is {found}, not {sha256}"
        )
