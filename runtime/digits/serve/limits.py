"""How much a client may ask for; docs/serve.md lists the statuses that answer more."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a server bears. Sizes are in bytes, times in seconds."""

    max_picture_bytes: int = 16 << 20  # of a picture's file
    max_form_bytes: int = 64 << 10  # of a form, without its picture
    max_total_bytes: int = 128 << 20  # of all request bodies in memory
    max_header_bytes: int = 32 << 10  # of a request's headers
    # Width times height of a picture: a quarter of what other commands accept, as the server reads
    # several at once.
    max_pixels: int = 25_000_000
    # Of a process that reads pictures: what WebP, the most costly format, needs for that size.
    max_picture_memory: int = 640 << 20
    max_queued_pictures: int = 64  # that wait or are being read
    max_connections: int = 1_000  # open at once; fewer if `ulimit -n` allows fewer

    header_timeout: float = 10.0  # for a request's headers to arrive
    body_timeout: float = 30.0  # for its body to arrive
    answer_timeout: float = 30.0  # to produce the response
    picture_timeout: float = 20.0  # to read one picture, within answer_timeout
    send_timeout: float = 30.0  # for the client to read the response
    keepalive_timeout: float = 30.0  # between two requests on a connection
