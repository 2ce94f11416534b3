"""How much a client may ask for. Beyond, it gets a message and one of these status codes.

408  the request didn't arrive in time
413  it is larger than these limits
415  it is compressed
422  it is well-formed, but no picture, or not the tensor that the model takes
429  too much is waiting already
503  the answer wasn't ready in time, or took too much memory
"""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from digits.system import cpu_count

# Of each pair the first is at least the second; else nothing of the second's size is ever answered.
_AT_LEAST = (
    ("max_total_bytes", "max_picture_bytes"),
    ("max_total_bytes", "max_tensor_bytes"),
    ("max_picture_memory", "max_pixels"),  # a pixel takes a byte or more
    ("max_queued_digits", "max_batch"),
    ("answer_timeout", "picture_timeout"),
)


def _number(unit: str, what: str, most: int | None = None) -> Any:
    return typer.Option(min=1, max=most, metavar=unit, help=what)


def _seconds(what: str) -> Any:
    return typer.Option(min=0.001, max=86_400, metavar="SECONDS", help=what)


@dataclass
class Limits:
    """The limits of one server; each is an option of `digits serve`."""

    max_picture_bytes: Annotated[int, _number("BYTES", "Of a picture's file.")] = 16 << 20
    # the largest batch as JSON, with blanks
    max_tensor_bytes: Annotated[int, _number("BYTES", "Of a request with tensors.")] = 2 << 20
    max_form_bytes: Annotated[int, _number("BYTES", "Of a form, around its picture.")] = 64 << 10
    max_total_bytes: Annotated[
        int, _number("BYTES", "Of all requests that are in memory at the same time.")
    ] = 128 << 20
    max_header_bytes: Annotated[int, _number("BYTES", "Of a request, without its body.")] = (
        256 << 10
    )
    # a quarter of what a file may have elsewhere, for there are many
    max_pixels: Annotated[int, _number("PIXELS", "Of a picture.", 100_000_000)] = 25_000_000
    # what the most costly kind takes of that size, WebP
    max_picture_memory: Annotated[
        int, _number("BYTES", "That a process may take to read pictures.")
    ] = 450 << 20
    max_batch: Annotated[
        int, _number("DIGITS", "Of a request, and of a run of the network.", 4096)
    ] = 256
    max_queued_digits: Annotated[int, _number("DIGITS", "That wait for a run, 784 bytes each.")] = (
        16_384
    )
    max_queued_pictures: Annotated[int, _number("PICTURES", "That wait or are being read.")] = 64
    max_connections: Annotated[
        int, _number("COUNT", "Of connections; fewer where `ulimit -n` allows fewer files.")
    ] = 1_000
    workers: Annotated[
        int, typer.Option(min=0, max=256, help="Processes that read pictures; 0 is one a core.")
    ] = 0

    header_timeout: Annotated[float, _seconds("For a request's head to arrive.")] = 10.0
    body_timeout: Annotated[float, _seconds("For its body to arrive.")] = 30.0
    answer_timeout: Annotated[float, _seconds("For its answer, from then on.")] = 30.0
    picture_timeout: Annotated[float, _seconds("Of these, for one picture in its turn.")] = 20.0
    send_timeout: Annotated[float, _seconds("For the client to read its answer.")] = 30.0
    keepalive_timeout: Annotated[float, _seconds("Between two requests of a connection.")] = 30.0

    def __post_init__(self) -> None:
        self.workers = self.workers or cpu_count()

    def check(self) -> None:
        """Raise typer.BadParameter where one limit leaves no room for another."""
        for larger, smaller in _AT_LEAST:
            most, least = getattr(self, larger), getattr(self, smaller)
            if most < least:
                options = [f"--{name.replace('_', '-')}" for name in (larger, smaller)]
                raise typer.BadParameter(
                    f"{options[0]} must be at least {options[1]}: {most} < {least}"
                )
