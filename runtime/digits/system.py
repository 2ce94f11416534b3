"""What digits needs of the machine itself."""

import sys

from digits.errors import DigitsError


def require_64_bit() -> None:
    """Raise DigitsError on a 32-bit system, where pip leaves out what the runtime needs.

    Call it before NumPy is imported.
    """
    if sys.maxsize > 2**32:
        return
    from importlib.util import find_spec

    if find_spec("onnxruntime") is None:
        raise DigitsError(
            "digits needs a 64-bit system: onnxruntime has no 32-bit Arm wheel"
            " (uname -m must say aarch64, and getconf LONG_BIT 64)"
        )
