"""Write a classifier as a page for browsers: one file, which works without a server."""

import base64
import html
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from digits.errors import ModelError
from digits_export.layers import Layer, ScaledTensor

_MAX_BYTES = 200_000


def write_html(layers: Sequence[Layer], name: str, threshold: float) -> str:
    """Write the page.

    name: of the network. threshold: the probability below which an answer is "?". Raises ModelError
    for a network that is too large for a page.
    """
    network = json.dumps([*map(_layer, layers)], separators=(",", ":"))
    page = files("digits_export").joinpath("page.html").read_text("utf-8")
    values = {"architecture": html.escape(name), "network": network, "threshold": threshold}
    for key, value in values.items():
        page = page.replace(f"@{key}@", str(value))
    if len(page) > _MAX_BYTES:
        raise ModelError(
            f"{name} as a page would have {len(page):,} bytes, of which int8 takes a quarter; at"
            f" most {_MAX_BYTES:,} are written"
        )
    return page


def _layer(layer: Layer) -> dict[str, Any]:
    tensors = {"weights": layer.weights, "biases": layer.biases}
    return layer._asdict() | {name: value and _tensor(value) for name, value in tensors.items()}


def _tensor(tensor: ScaledTensor) -> dict[str, Any]:
    """The integers or floats, little-endian, in base64."""
    content = np.ascontiguousarray(tensor.values)
    return {
        "type": str(content.dtype),
        "rows": len(content),
        "scale": tensor.scale.tolist(),
        "values": base64.b64encode(content.tobytes()).decode(),
    }
