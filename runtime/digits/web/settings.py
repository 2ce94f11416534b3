"""The options of a server, and its limits."""

import re
import secrets
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer


@dataclass(frozen=True)
class Limits:
    """How much a server does for its clients. Sizes are in bytes, times in seconds.

    docs/serve.md lists the statuses that refuse more.
    """

    max_picture_bytes: int = 16 << 20  # of a picture's file
    max_form_bytes: int = 64 << 10  # of a form, without its picture
    max_total_bytes: int = 128 << 20  # of all request bodies in memory
    max_header_bytes: int = 32 << 10  # of a request's headers, unless they come at once
    # Width times height of a picture: a quarter of what other commands accept, as the server reads
    # several at once.
    max_pixels: int = 25_000_000
    # Of a process that reads pictures: what WebP, the most costly format, needs for that size.
    max_picture_memory: int = 640 << 20
    max_queued_pictures: int = 64  # waiting, or being read
    max_connections: int = 500  # at once, and at most half as many as files that may be open

    body_timeout: float = 30.0  # for a request's body to arrive
    answer_timeout: float = 30.0  # to produce the response
    picture_timeout: float = 20.0  # to read one picture, within answer_timeout
    keepalive_timeout: int = 30  # between two requests on a connection


def _option(metavar: str, help: str, pattern: str, rule: str, convert: Any = str) -> Any:
    """An option whose value must match a pattern.

    rule: says what the pattern asks for, without the value, which may be secret.
    convert: makes the value from the text.
    """

    def parse(text: str) -> Any:
        if not re.fullmatch(pattern, text, re.DOTALL):
            raise typer.BadParameter(rule)
        return convert(text)

    return typer.Option(metavar=metavar, help=help, show_default=False, parser=parse)


def _comma_separated(item: str) -> str:
    return rf"\s*{item}\s*(,\s*{item}\s*)*"


_PORT = "Port to listen on; 0 picks a free one."
Port = Annotated[int, typer.Option(metavar="N", help=_PORT, min=0, max=65535)]


@dataclass
class Settings:
    """The options of a server; `prints_token` and `limits` are none."""

    host: Annotated[
        str,
        _option(
            "ADDRESS",
            "Address to listen on, by default 127.0.0.1; 0.0.0.0 means all of this machine's.",
            ".+",  # a socket takes an empty one for all of this machine's, too
            "it must not be empty",
        ),
    ] = "127.0.0.1"
    port: Port = 8000
    token: Annotated[
        str | None,
        _option(
            "TOKEN",
            "Require `Authorization: Bearer TOKEN`, except for health checks and the page."
            " Other users of this machine can see options; prefer the variable.",
            "[!-~]+",  # what a header can carry
            "it must consist of visible ASCII characters without spaces",
        ),
    ] = None
    allowed_hosts: Annotated[
        str,
        _option(
            "NAMES",
            "Host names to answer for, separated by commas; *.example.org allows all subdomains,"
            " * any name. IP addresses, localhost and this machine's name are always allowed.",
            _comma_separated(r"(\*|(\*\.)?[\w.-]+)?"),
            "it must be host names, separated by commas",
        ),
    ] = ""
    prints_token: bool = field(default=False, init=False)  # as a part of the address
    limits: Limits = field(default_factory=Limits, init=False)

    @property
    def hosts(self) -> list[str]:
        """The names in `allowed_hosts`."""
        return _names(self.allowed_hosts)


def private_settings(port: int) -> Settings:
    """The settings of a page for the person who starts it: only the printed address opens it."""
    settings = Settings(port=port, token=secrets.token_urlsafe())
    settings.prints_token = True
    return settings


def _names(text: str) -> list[str]:
    return [name.strip().lower() for name in text.split(",") if name.strip()]
