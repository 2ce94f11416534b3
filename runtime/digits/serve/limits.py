"""How much a client may ask for. More is refused with a message and one of these status codes.

408  the request didn't arrive in time
413  the request exceeds a limit
415  the request is compressed with something other than gzip or deflate
422  the request is well-formed, but not a picture, or not the tensor that the model takes
429  the queue is full
503  the answer took too much time or memory
507  no more labelled pictures are kept
"""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from digits.system import cpu_count

_DIGIT_BYTES = 28 * 28


def _number(unit: str, what: str, most: int | None = None, least: int = 1) -> Any:
    return typer.Option(min=least, max=most, metavar=unit, help=what)


def _seconds(what: str) -> Any:
    return typer.Option(min=0.001, max=86_400, metavar="SECONDS", help=what)


@dataclass
class Limits:
    """A server's limits; each is an option of `digits serve`."""

    max_picture_bytes: Annotated[int, _number("BYTES", "Size of a picture's file.")] = 16 << 20
    # enough for the largest batch as JSON with spaces
    max_tensor_bytes: Annotated[int, _number("BYTES", "Size of a request with tensors.")] = 2 << 20
    max_form_bytes: Annotated[int, _number("BYTES", "Size of a form without its picture.")] = (
        64 << 10
    )
    max_total_bytes: Annotated[
        int, _number("BYTES", "Total size of all request bodies in memory.")
    ] = 128 << 20
    max_header_bytes: Annotated[
        int, _number("BYTES", "Size of a request's headers.", least=1024)
    ] = 32 << 10
    # a quarter of what other commands accept, as the server reads several at once
    max_pixels: Annotated[
        int, _number("PIXELS", "Width times height of a picture.", 100_000_000)
    ] = 25_000_000
    # what WebP, the most costly format, needs for that size
    max_picture_memory: Annotated[
        int, _number("BYTES", "Memory that a process may use to read pictures.")
    ] = 450 << 20
    max_batch: Annotated[
        int, _number("DIGITS", "Maximum digits per request, and per batch.", 4096)
    ] = 256
    max_queued_digits: Annotated[
        int, _number("DIGITS", "Digits that wait for the network, 784 bytes each.")
    ] = 16_384
    max_queued_pictures: Annotated[
        int, _number("PICTURES", "Pictures that wait or are being read.")
    ] = 64
    max_connections: Annotated[
        int, _number("COUNT", "Open connections; fewer if `ulimit -n` allows fewer.")
    ] = 1_000
    workers: Annotated[
        int,
        typer.Option(min=0, max=256, help="Processes that read pictures; 0 means one per core."),
    ] = 0

    header_timeout: Annotated[float, _seconds("Time for a request's headers to arrive.")] = 10.0
    body_timeout: Annotated[float, _seconds("Time for its body to arrive.")] = 30.0
    answer_timeout: Annotated[float, _seconds("Time to produce the response.")] = 30.0
    picture_timeout: Annotated[
        float, _seconds("Time to read one picture, within --answer-timeout.")
    ] = 20.0
    send_timeout: Annotated[float, _seconds("Time for the client to read the answer.")] = 30.0
    keepalive_timeout: Annotated[float, _seconds("Time between two requests on a connection.")] = (
        30.0
    )

    def __post_init__(self) -> None:
        self.workers = self.workers or cpu_count()

    def check(self) -> None:
        """Raise typer.BadParameter if a limit refuses all that another one allows."""
        form, digits = self.max_picture_bytes + self.max_form_bytes, self.max_batch
        for name, least, reason in (
            ("max_total_bytes", form, "--max-picture-bytes plus --max-form-bytes"),
            ("max_total_bytes", self.max_tensor_bytes, "--max-tensor-bytes"),
            ("max_tensor_bytes", _DIGIT_BYTES * digits, f"{_DIGIT_BYTES} for each of --max-batch"),
            ("max_picture_memory", self.max_pixels, "a byte for each of --max-pixels"),
            ("max_queued_digits", digits, "--max-batch"),
            ("answer_timeout", self.picture_timeout, "--picture-timeout"),
        ):
            if getattr(self, name) < least:
                option = f"--{name.replace('_', '-')}"
                raise typer.BadParameter(f"{option} must be at least {least}: {reason}")
