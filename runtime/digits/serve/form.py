"""The picture in a form: multipart/form-data, RFC 7578.

It is parsed on the event loop, so in time proportional to the body, which may be full of what is
nearly a boundary. Names are UTF-8: no codec is looked up by a name that a client sends.
"""

import re
from collections.abc import Iterator

from digits.serve.refusals import Refused

_PARTS = 9  # of a form
_HEAD_BYTES = 8192  # of a part's headers

_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE | re.ASCII)
_DISPOSITION = re.compile(rb"content-disposition:[ \t]*form-data[ \t]*(;.*)", re.IGNORECASE)
_PARAMETER = re.compile(rb';[ \t]*([\w-]+)=(?:"((?:\\"|[^"])*)"|([^\s;"]*))')


def read_upload(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Return the name of the form's one file, which may be empty, and its content; else the body.

    Raises Refused: 400 for a broken form, 422 for one without a file.
    """
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        return "", body
    boundary = _BOUNDARY.search(content_type)
    if not boundary:
        raise _broken("it has no boundary")
    parts = _parts(body, (boundary[1] or boundary[2]).encode("latin-1"))
    files = [(name, place) for head, place in parts if (name := _file_name(head)) is not None]
    if not files:
        raise Refused(422, "the form has no file")
    if len(files) > 1:
        raise _broken("it has several files")
    [(name, place)] = files
    return name, body[place]


def _broken(why: str) -> Refused:
    return Refused(400, f"the form is broken: {why}")


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[bytes, slice]]:
    """The headers of each part, and where its content is."""
    delimiter = b"\r\n--" + boundary
    start = 0 if body.startswith(delimiter[2:]) else body.find(delimiter) + 2
    if start == 1:
        raise _broken("its boundary is missing")
    for _ in range(_PARTS + 1):
        start += len(delimiter) - 2
        if body.startswith(b"--", start):
            return
        line = body.find(b"\r\n", start, start + _HEAD_BYTES)
        if line < 0 or body[start:line].strip(b" \t"):
            raise _broken("it ends too early, or its boundary is within a part")
        head = body.find(b"\r\n\r\n", line, line + _HEAD_BYTES)
        end = body.find(delimiter, head + 2)
        if head < 0 or end < 0:
            raise _broken("it ends too early, or a part's headers are too large")
        yield body[line:head], slice(head + 4, end)
        start = end + 2
    raise _broken(f"it has more than {_PARTS} parts")


def _file_name(head: bytes) -> str | None:
    """The name of a part's file, or None for a part that is no file."""
    for line in head.split(b"\r\n"):
        if disposition := _DISPOSITION.fullmatch(line):
            parameters = {
                found[1].lower(): found[3] if found[2] is None else found[2].replace(b'\\"', b'"')
                for found in _PARAMETER.finditer(disposition[1])
            }
            if b"name" in parameters:
                name = parameters.get(b"filename")
                return None if name is None else name.decode("utf-8", "replace")
    raise _broken("a part has no name")
