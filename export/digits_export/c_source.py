"""Write an int8 classifier as C99: no library, no allocation, no floating point.

Sums are those of onnxruntime's integer kernels, and they are rounded as there, bit for bit: a
product with a float32 is one with its 24 bits, rounded to 24 bits, half to even.
"""

import math
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.errors import ModelError
from digits_export.layers import Layer

_MAX_WEIGHTS = 2 << 20  # bytes; the flash of a large microcontroller
_LOGIT_BITS = 16  # after the binary point of a logit
_WIDTH = 98  # characters of a line


class CSource(NamedTuple):
    """The two files. name: of both, without suffix: a C identifier."""

    name: str
    header: str
    source: str


def write_c(layers: Sequence[Layer], name: str, sha256: str) -> CSource:
    """Write the C of an int8 file of `digits export`.

    name: of the network; functions, constants and files begin with it, in lower-case ASCII. sha256:
    the file's. Raises ModelError if it isn't int8, or has what C can't do, or too many weights.
    """
    ends = [index for index, layer in enumerate(layers, 1) if layer.op == "softmax"]
    if len(ends) != 1:
        raise ModelError(
            f"{name} has {len(ends)} softmax layers; as C it must end with the only one"
        )
    layers = [*layers[: ends[0]]]
    weights = [layer.weights.values for layer in layers if layer.weights]
    if (size := sum(values.size for values in weights)) > _MAX_WEIGHTS:
        raise ModelError(
            f"{name} as C would take {size:,} bytes of flash; at most {_MAX_WEIGHTS:,}"
        )
    if any(values.dtype != np.int8 for values in weights):
        raise ModelError(f"{name} isn't int8, which `digits export --quantize` makes of a run")
    if layers[1].op not in ("conv", "dense"):  # which read the pixels themselves
        layers.insert(1, layers[0]._replace(op="load"))
    program = _Program(layers)
    symbol = re.sub(r"\W", "_", name, flags=re.ASCII).lower()
    if not symbol[:1].isalpha():
        symbol = f"net_{symbol}"
    values = {
        "name": symbol,
        "sha256": sha256,
        "upper": symbol.upper(),
        "flash": program.flash,
        "ram": program.ram,
        "multiplications": program.multiplications,
        "sums": program.largest_sums,
        "values": program.largest_values,
        "logits": program.logits,
        "tables": "\n".join(program.tables),
        "steps": "\n".join(f"    {step}" for step in program.steps),
    }
    header, source = (
        _fill(files("digits_export").joinpath(f"network.{suffix}").read_text("utf-8"), values)
        for suffix in ("h", "c")
    )
    return CSource(symbol, header, _without_unused(source))


class _Program:
    """The steps of a network as calls of the functions in network.c, and their tables."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.tables, self.steps = list[str](), list[str]()
        self.flash = self.multiplications = self.largest_sums = self.largest_values = 0
        self.logits = 0
        self._bound = 0  # of the sums' magnitude
        # Of the integers that the next layer reads, and of each sum.
        self._scale, self._zero, self._scales = np.float32(1), 0, np.ones(1, np.float32)
        self._source = "pixels"
        self._shape: tuple[int, ...] = (1, 28, 28)
        for layer in layers:
            getattr(self, f"_{layer.op}", self._refuse)(layer)
            self._shape = layer.shape

    @property
    def ram(self) -> int:
        """Bytes of static memory."""
        return 4 * self.largest_sums + self.largest_values

    def _refuse(self, layer: Layer) -> None:
        raise ModelError(f"C has no {layer.op}")

    def _dequantize(self, layer: Layer) -> None:
        self._scale, self._zero = np.float32(layer.scale), layer.zero

    def _load(self, layer: Layer) -> None:
        count = math.prod(layer.shape)
        self.steps.append(f"load({count}, {layer.zero}, pixels);")
        self._scales, self._bound = np.full(layer.shape, self._scale), 255
        self.largest_sums = count

    def _conv(self, layer: Layer) -> None:
        self._multiply(layer)
        channels, height, width = self._shape
        top, left, *_ = layer.padding
        sides = (channels, height, width, *layer.shape, *layer.kernel, *layer.strides, top, left)
        n = len(self.steps)
        numbers = ", ".join(map(str, (*sides, layer.groups, self._zero)))
        self.steps.append(
            f"convolve(&(shape_t){{{numbers}}}, {self._source}, weights{n}, biases{n});"
        )
        positions = math.prod(layer.shape[1:])
        self.multiplications += positions * math.prod(self._weights(layer).shape)

    def _dense(self, layer: Layer) -> None:
        self._multiply(layer)
        rows, columns = self._weights(layer).shape
        n = len(self.steps)
        arguments = f"{rows}, {columns}, {self._zero}, {self._source}, weights{n}, biases{n}"
        self.steps.append(f"multiply({arguments});")
        self.multiplications += rows * columns

    def _multiply(self, layer: Layer) -> None:
        """Add the tables of a layer with weights; its sums have a scale for each channel."""
        assert layer.weights and layer.biases
        n, biases = len(self.steps), layer.biases.values
        self._table(f"int8_t weights{n}", self._weights(layer))
        self._table(f"int32_t biases{n}", biases)
        magnitudes = np.abs(self._weights(layer).reshape(len(biases), -1).astype(np.int64)).sum(1)
        biases = biases.astype(np.int64)
        bounds = magnitudes * max(self._zero, 255 - self._zero) + np.maximum(biases, ~biases)
        self._limit(int(bounds.max()))
        ones = np.ones(layer.shape, np.float32)
        scales = np.float32(self._scale) * layer.weights.scale
        self._scales = ones * scales.reshape(-1, *[1] * (len(layer.shape) - 1))
        self.largest_sums = max(self.largest_sums, math.prod(layer.shape))

    def _limit(self, bound: int) -> None:
        if bound >= 1 << 31:
            raise ModelError("C has no sums of more than 32 bits")
        self._bound = bound

    def _weights(self, layer: Layer) -> NDArray[Any]:
        assert layer.weights
        return layer.weights.values

    def _relu(self, layer: Layer) -> None:
        self.steps.append(f"rectify({math.prod(layer.shape)});")

    def _reshape(self, layer: Layer) -> None:
        self._scales = self._scales.reshape(layer.shape)

    def _max_pool(self, layer: Layer) -> None:
        self._pool(layer, "true")

    def _average_pool(self, layer: Layer) -> None:
        self._pool(layer, "false")
        self._limit(self._bound * math.prod(layer.kernel))
        self._scales = self._scales / np.float32(math.prod(layer.kernel))

    def _pool(self, layer: Layer, is_max: str) -> None:
        """The sums of a window have one scale, even those of several channels."""
        windows = np.lib.stride_tricks.sliding_window_view(self._scales, layer.kernel, (1, 2))
        windows = windows[:, :: layer.strides[0], :: layer.strides[1]]
        if (windows.min((-2, -1)) != windows.max((-2, -1))).any():
            raise ModelError("C has no pool over channels of several scales")
        self._scales = windows.max((-2, -1))
        sides = ", ".join(map(str, (*self._shape[1:], *layer.shape, *layer.kernel, *layer.strides)))
        self.steps.append(f"pool({is_max}, {sides});")

    def _quantize(self, layer: Layer) -> None:
        self._scale, self._zero = np.float32(layer.scale), layer.zero
        n, count = len(self.steps), math.prod(layer.shape)
        block = self._multipliers(self._scales / self._scale, 0)
        self.steps.append(f"quantize({count}, {block}, {layer.zero}, multipliers{n}, shifts{n});")
        self._source = "values"
        self.largest_values = max(self.largest_values, count)

    def _softmax(self, layer: Layer) -> None:
        n, [self.logits] = len(self.steps), layer.shape
        block = self._multipliers(self._scales, _LOGIT_BITS)
        self.steps.append(f"for (int i = 0; i < {self.logits}; i++)")
        row = f"[i / {block}]" if block > 1 else "[i]"
        self.steps.append(f"    logits[i] = scale(sums[i], multipliers{n}{row}, shifts{n}{row});")

    def _multipliers(self, scales: NDArray[np.float32], bits: int) -> int:
        """Add tables of scales, as 24 bits and a shift; returns for how many sums each is."""
        flat = scales.ravel().astype(np.float32)
        changes = np.flatnonzero(np.diff(flat)) + 1
        block = math.gcd(flat.size, *changes.tolist())
        fractions, exponents = np.frexp(flat[::block])
        n = len(self.steps)
        self._table(f"uint32_t multipliers{n}", (fractions * 2.0**24).astype(np.uint32))
        self._table(f"uint8_t shifts{n}", (24 - bits - exponents).astype(np.uint8))
        return block

    def _table(self, name: str, values: NDArray[Any]) -> None:
        self.flash += values.nbytes
        lines = "\n".join(_lines(values.ravel().tolist()))
        self.tables.append(f"static const {name}[] = {{\n{lines}\n}};")


def _without_unused(source: str) -> str:
    """Leave out functions and arrays that nothing below uses: compilers warn of them."""
    *parts, used = source.split("\n\n")
    for part in reversed(parts):
        defined = re.search(r"^(?:static .*?|} )(\w+)[(\[;]", part, re.MULTILINE)
        if defined is None or re.search(rf"\b{defined[1]}\b", used):
            used = f"{part}\n\n{used}"
    return used


def _lines(values: Sequence[int]) -> Iterator[str]:
    line = "   "
    for value in values:
        if len(line) + len(str(value)) + 2 > _WIDTH:
            yield line
            line = "   "
        line += f" {value},"
    yield line


def _fill(template: str, values: dict[str, object]) -> str:
    for key, value in values.items():
        template = template.replace(f"@{key}@", str(value))
    return template
