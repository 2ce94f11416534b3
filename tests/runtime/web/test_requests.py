"""Bodies, which share memory, and the file in a form."""

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from digits.web.requests import BodyReader, read_file
from digits.web.settings import Limits


def request(size: int, goes: bool = False) -> Request:
    """goes: whether the client goes away before it has sent all."""
    messages: list[Message] = [{"type": "http.disconnect"}] if goes else []
    messages.insert(0, {"type": "http.request", "body": bytes(size), "more_body": goes})

    async def receive() -> Message:
        return messages.pop(0)

    return Request({"type": "http", "headers": []}, receive)


@pytest.mark.anyio
async def test_bodies_share_the_memory() -> None:
    reader = BodyReader(Limits(max_total_bytes=1000))

    async def status(size: int, goes: bool = False) -> int:
        try:
            async with reader.read(request(size, goes), 1000):
                return 200
        except HTTPException as refused:
            return refused.status_code

    async with reader.read(request(600), 1000) as body:
        assert body == bytes(600)
        assert [await status(size) for size in (401, 400)] == [429, 200]
    assert await status(400, goes=True) == 400  # and leaves nothing behind
    assert await status(1000) == 200


KIND = "multipart/form-data; boundary=x"
END = b"--x--"


def part(content: bytes, parameters: bytes = b'name="file"; filename="a.png"') -> bytes:
    head = b"--x\r\nContent-Type: image/png\r\ncontent-disposition: form-data; "
    return head + parameters + b"\r\n\r\n" + content + b"\r\n"


FIELD = part(b"1", b'name="a"')  # which is no file


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("image/png", b"a", ("", b"a")),
        ('Multipart/Form-Data; charset=x; BOUNDARY="x"', part(b"a") + END, ("a.png", b"a")),
        *(
            (KIND, part(content) + END + b"\r\n", ("a.png", content))
            for content in (b"", b"\r\n--y\r\n", b"a--x\r\n", b"\0\xff" * 9999)
        ),
        *(
            (KIND, FIELD + part(b"a", parameters) + FIELD + END, (name, b"a"))
            for parameters, name in (
                (b"name=file; filename=7.png; filename*=utf-8''8.png", "7.png"),  # .NET
                (b'name="file"; filename=""', ""),
                (b'name="file"; filename="a\\"b.png"', 'a"b.png'),
                (b'name="file"; filename="%22\xc3\xa9\xe9.png"', "%22\xe9\ufffd.png"),
            )
        ),
    ],
)
def test_file_is_read(kind: str, body: bytes, expected: tuple[str, bytes]) -> None:
    assert read_file(kind, body) == expected


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"a", KIND),
        (400, part(b"a"), KIND),
        (400, part(b"a").replace(b"\r\n\r\n", b"\r\n") + END, KIND),
        (400, part(b"a") + END, "multipart/form-data"),
        (400, FIELD * 8 + part(b"a") + END, KIND),
        (422, FIELD + END, KIND),
        (422, part(b"a") * 2 + END, KIND),
    ],
)
def test_form_is_refused(status: int, body: bytes, kind: str) -> None:
    with pytest.raises(HTTPException, match="form") as refused:
        read_file(kind, body)
    assert refused.value.status_code == status
