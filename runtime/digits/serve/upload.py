"""The picture in a request: its whole body, or the file of a form."""

from collections.abc import AsyncGenerator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from digits.serve.refusals import Refused


async def read_upload(request: Request, body: bytes) -> tuple[str, bytes]:
    """The picture, and before it the name of its file, or nothing.

    Raises Refused: 400 for a broken form, 422 for one that doesn't have one file.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        return "", body

    async def whole() -> AsyncGenerator[bytes]:
        yield body

    parser = MultiPartParser(request.headers, whole(), max_files=1, max_fields=8)
    parser.spool_max_size = len(body)  # a larger file would go to the disk
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError) as error:
        raise Refused(400, f"the form is broken: {error}") from error
    files = [value for value in form.values() if isinstance(value, UploadFile)]
    if not files and not body.rstrip().endswith(b"--"):
        raise Refused(400, "the form is broken: it ends too early")
    if not files:
        raise Refused(422, "the form has no file")
    return files[0].filename or "", await files[0].read()
