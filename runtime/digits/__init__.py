"""Read handwritten digits with onnxruntime, NumPy and Pillow.

import digits
digits.Reader().predict("seven.png").digit  # 7
digits.Reader().read("page.png").text  # "1247673\\n8952481"
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

# Otherwise onnxruntime keeps a device ID and a queue of events in the user's home.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from digits.constraints.constraints import Constraints
    from digits.errors import DataError, DigitsError, ModelError, PictureError
    from digits.prediction import Number, Prediction, Reading, Symbol
    from digits.recognize import Reader

__version__ = "0.1.0"
__all__ = [
    "Reader",
    "Constraints",
    "DataError",
    "DigitsError",
    "ModelError",
    "Number",
    "PictureError",
    "Prediction",
    "Reading",
    "Symbol",
]


def __getattr__(name: str) -> Any:
    # `digits --help` and digits_train start without onnxruntime.
    if name not in __all__:
        raise AttributeError(f"module 'digits' has no attribute {name!r}")
    if name == "Reader":
        module = "recognize"
    elif name == "Constraints":
        module = "constraints.constraints"
    else:
        module = "errors" if name.endswith("Error") else "prediction"
    return getattr(importlib.import_module(f"digits.{module}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
