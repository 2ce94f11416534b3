"""The errors that a user can cause. The message is one sentence with the way out.

Library code raises them; the command line prints `error: …` and exits with 1, after Ctrl-C with
130. Any other exception is a bug in digits.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class DigitsError(Exception):
    """Base of all errors that a user can cause."""


class PictureError(DigitsError):
    """A picture can't be opened, or holds no digit."""


class TooManyPixels(PictureError):
    """A picture is too large."""


class ModelError(DigitsError):
    """A model or checkpoint is missing, damaged or not ours."""


class WrongTask(ModelError):
    """A model is of another kind. The message begins with a verb; its subject is the command."""


class DataError(DigitsError):
    """MNIST or labelled pictures can't be found, downloaded, verified or parsed."""


class Interrupted(DigitsError):
    """Ctrl-C; the message says what is kept."""


@contextmanager
def reporting(action: str, kind: type[DigitsError] = DigitsError) -> Iterator[None]:
    """Say that an action can't be done, and why, where the block raises an OSError."""
    try:
        yield
    except OSError as error:
        raise kind(f"can't {action}: {error.strerror or error}") from error
