"""The files in a form: multipart/form-data, RFC 7578.

It is parsed on the event loop, so in time proportional to the body, which may be full of what is
nearly a boundary. Names are UTF-8: no codec is looked up by a name that a client sends.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from digits.serve.refusals import Refused

_MAX_PARTS = 108  # files, and a few other fields
_HEAD_BYTES = 8192  # of a part's headers

_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE | re.ASCII)
_DISPOSITION = re.compile(rb"content-disposition:[ \t]*form-data[ \t]*(;.*)", re.IGNORECASE)
_PARAMETER = re.compile(rb';[ \t]*([\w-]+)=(?:"((?:\\"|[^"])*)"|([^\s;"]*))')


class FormFile(NamedTuple):
    """A file in a form. name: its own, not its field's; it may be empty."""

    name: str
    content: memoryview


def is_form(content_type: str) -> bool:
    """Whether a body of this type is a form."""
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


def read_files(content_type: str, body: bytes) -> list[FormFile]:
    """Return the files in a form, one at least; or the body itself, which is no form.

    Raises Refused: 400 for a broken form, 413 for one of too many parts, 422 for one without files.
    """
    if not is_form(content_type):
        return [FormFile("", memoryview(body))]
    boundary = _BOUNDARY.search(content_type)
    if not boundary:
        raise _broken("it has no boundary")
    parts = _parts(body, (boundary[1] or boundary[2]).encode("latin-1"))
    named = ((_file_name(head), content) for head, content in parts)
    files = [FormFile(name, content) for name, content in named if name is not None]
    if not files:
        raise Refused(422, "the form has no file")
    return files


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """The headers and the content of each part."""
    delimiter = b"\r\n--" + boundary
    start = 0 if body.startswith(delimiter[2:]) else body.find(delimiter) + 2
    if start == 1:
        raise _broken("its boundary is missing")
    for _ in range(_MAX_PARTS + 1):
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
        yield body[line:head], memoryview(body)[head + 4 : end]
        start = end + 2
    raise Refused(413, f"a form may have at most {_MAX_PARTS} parts", reason="many_parts")


def _file_name(head: bytes) -> str | None:
    """The name of a part's file, or None for a part that is no file."""
    for line in head.split(b"\r\n"):
        if disposition := _DISPOSITION.fullmatch(line):
            parameters = {
                name.lower(): (quoted.replace(b'\\"', b'"') or plain).decode("utf-8", "replace")
                for name, quoted, plain in _PARAMETER.findall(disposition[1])
            }
            if b"name" in parameters:
                return parameters.get(b"filename")
    raise _broken("a part has no name")


def _broken(why: str) -> Refused:
    return Refused(400, f"the form is broken: {why}")
