"""Every error a user can cause, in one tree.

    DigitsError        the command can't go on: the message is one sentence with the way out
    ├── PictureError   a picture that can't be opened, or holds no digit
    ├── ModelError     an ONNX file or a checkpoint that isn't ours, or is damaged
    ├── DataError      digits with labels (MNIST, a folder, a table) that can't be found or trusted
    └── Interrupted    Ctrl-C

Library code raises them; the command line prints `error: …` and exits with 1, at Ctrl-C with 130.
Anything else that is raised is a bug in digits.
"""


class DigitsError(Exception):
    """Base of all errors that a user can cause."""


class PictureError(DigitsError):
    """A picture can't be opened, or no digit can be found in it."""


class ModelError(DigitsError):
    """A model or checkpoint is missing, damaged, or not one of ours."""


class DataError(DigitsError):
    """MNIST, or one's own labelled pictures, can't be found, fetched, verified or parsed."""


class Interrupted(DigitsError):
    """Ctrl-C; the message says what is kept."""
