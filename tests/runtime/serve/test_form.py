"""The files in a form."""

import encodings

import pytest

from digits.serve import form
from digits.serve.refusals import Refused

KIND = "multipart/form-data; boundary=x"


def part(content: bytes, parameters: bytes = b'name="file"; filename="a.png"') -> bytes:
    return (
        b"--x\r\nContent-Type: image/png\r\ncontent-disposition: form-data; "
        + parameters
        + b"\r\n\r\n"
        + content
        + b"\r\n"
    )


def read(kind: str, body: bytes) -> tuple[str, bytes]:
    """The name and the content of the only file."""
    [file] = form.read_files(kind, body)
    return file.name, bytes(file.content)


def refusal(body: bytes, kind: str = KIND) -> int:
    with pytest.raises(Refused, match="form") as refused:
        form.read_files(kind, body)
    return refused.value.status_code


def test_body_without_form_is_a_file() -> None:
    assert read("image/png", b"a") == ("", b"a")


def test_several_files_keep_their_order() -> None:
    parts = [part(b"%d" % n, b'name="%d"; filename="%d.png"' % (n % 3, n)) for n in range(100)]
    parts[50:50] = [part(b"1", b'name="a"')] * 8
    files = form.read_files(KIND, b"".join(parts) + b"--x--")
    expected = [(str(n % 3), f"{n}.png", b"%d" % n) for n in range(100)]
    assert list(map(tuple, files)) == expected


def test_too_many_files_are_refused() -> None:
    assert refusal(part(b"a") * 101 + b"--x--") == 413
    with pytest.raises(Refused, match="a form may have at most 100 files"):
        form.read_files(KIND, part(b"a") * 200)


@pytest.mark.parametrize(
    "content", [b"", b"a", b"\r\n", b"\r\n--y\r\n", b"a--x\r\n", b"\r\n-- x", b"\0\xff" * 9999]
)
def test_content_is_kept(content: bytes) -> None:
    assert read(KIND, part(content) + b"--x--\r\n") == ("a.png", content)


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data;boundary=x",
        "Multipart/Form-Data; charset=utf-8; BOUNDARY=x",
        'multipart/form-data; boundary="x"; charset=x',
    ],
)
def test_boundary_in_various_spellings(kind: str) -> None:
    assert read(kind, part(b"a") + b"--x--") == ("a.png", b"a")


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        (b"name=file; filename=7.png; filename*=utf-8''8.png", "7.png"),  # .NET
        (b'name="file"; filename=""', ""),
        (b'filename="a;b.png"; name="filename=c"', "a;b.png"),
        (b'name="file"; filename="a\\"b.png"', 'a"b.png'),
        (b'name="file"; filename="a\\"', "a\\"),
        (b'name="file"; filename="%22\xc3\xa9.png"', "%22\xe9.png"),
        (b'name="file"; filename="\xe9.png"', "\ufffd.png"),
    ],
)
def test_name_of_file(parameters: bytes, name: str) -> None:
    assert read(KIND, part(b"a", parameters) + b"--x--") == (name, b"a")


def test_charset_is_not_looked_up() -> None:
    """Python keeps unknown names for ever, and decodes some encodings in quadratic time."""
    body = part(b"a", b'name="file"; filename="+2AA-.png"') + b"--x--"
    known = set(encodings._cache)
    for charset in ("utf-7", "punycode", "unicode_escape", "none-such"):
        assert read(f"{KIND}; charset={charset}", body)[0] == "+2AA-.png"
    assert set(encodings._cache) == known


def test_preamble_fields_and_epilogue_are_skipped() -> None:
    fields = part(b"1", b'name="a"') * 4
    body = b"preamble\r\n" + fields + part(b"a") + fields + b"--x--\r\nepilogue"
    assert read(KIND, body) == ("a.png", b"a")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form",
        b"--x",
        b"--x\r\n",
        b"--x\r\n\r\n--x--",
        part(b"a"),
        part(b"a") + b"--x",
        part(b"a")[:-9] + b"--x--",
        part(b"a") + b"--xy\r\n--x--",
        part(b"a", b'filename="a"') + b"--x--",
        part(b"a", b'name="' + b"a" * 9000 + b'"') + b"--x--",
        part(b"a") * 2 + b"--x",
        part(b"a", b'name="a"') * 109 + b"--x--",
    ],
)
def test_broken_form_is_refused(body: bytes) -> None:
    assert refusal(body) == 400


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary="])
def test_form_without_boundary_is_refused(kind: str) -> None:
    assert refusal(part(b"a") + b"--x--", kind) == 400


@pytest.mark.parametrize("body", [b"--x--", part(b"a", b'name="a"') + b"--x--"])
def test_form_without_file_is_refused(body: bytes) -> None:
    assert refusal(body) == 422
