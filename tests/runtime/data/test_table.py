"""CSV tables of labelled pictures, from people and spreadsheets."""

import os
from pathlib import Path
from typing import Any

import pytest

from digits.data import table
from digits.errors import DataError, DigitsError
from digits.tables import csv_name

EXPECTED = [
    ("a b.png", (None, "7", "")),
    ("c, d; e.png", (None, "3", "")),
    ("é.png", (None, "0", "")),
]
PLAIN = 'file,digit\na b.png,7\n"c, d; e.png",3\né.png,0\n'
SEMICOLONS = 'file;digit\na b.png;7\n"c, d; e.png";3\né.png;0\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "any.csv"


def read_table(
    path: Path, raw: bytes, column: str = "digit"
) -> tuple[list[tuple[str, Any]], list[str]]:
    """Return the names, relative to the table, with their labels, and the errors."""
    path.write_bytes(raw)
    errors: list[DigitsError] = []
    rows = list(table.rows(path, errors.append, column))
    names = [str(file.relative_to(path.parent)) for file, _ in rows]
    return [*zip(names, (label for _, label in rows), strict=True)], list(map(str, errors))


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        SEMICOLONS,
        SEMICOLONS.replace(";", "\t").replace("d\t", "d;"),
        SEMICOLONS.replace("\n", "\r\n"),
        SEMICOLONS.replace("\n", "\r"),
        SEMICOLONS.replace("file;digit", ' File ;"DIGIT"'),
        SEMICOLONS.replace("\n", ";;\n") + ";;;\n\n;;;\n",  # as a spreadsheet ends it
        PLAIN.replace("file,digit", "file,digit,a;b;c;d"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_table_in_any_dialect_and_encoding(path: Path, text: str, encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    assert read_table(path, mark + text.encode(encoding)) == (EXPECTED, [])


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        (b"", ": its columns are none; needs file and digit"),
        (b"\nfile,digit\n", ": its columns are none; needs file and digit"),
        (b"file;label\na.png;7\n", ": its columns are file, label; needs file and digit"),
        (b"file,digit;\n", ": its columns are file, digit;; needs file and digit"),
        (b"File;digit;file\n", ": several columns are named file"),
        (b"File;Digit;Confidence\n", " has predictions, not labels: "),
        (b'file,digit\nb.png,1\n"a.png,7\n' + b"b.png,1\n" * 20_000, ", line 3: field larger"),
        (b'file,digit\nb.png,1\n"a.png,7\nb.png,1\n', ", line 3: unexpected end of data; is a"),
        (b"file,digit\n" + b"x" * 70_000, " is not a CSV file: line 2 has 65,536 characters"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", " is not a CSV file: it is not text"),
        (b"x" * 5000, f": its columns are {'x' * 200}; needs file and digit"),
    ],
)
def test_refused_table_names_the_cause(path: Path, raw: bytes, cause: str) -> None:
    with pytest.raises(DataError) as raised:
        read_table(path, raw)
    assert str(raised.value).startswith(f"{path}{cause}")


def test_tables_of_pages_have_a_text_and_no_digit(path: Path) -> None:
    for title, pages in (("file,text", True), ("file,digit,text", False), ("text", False)):
        path.write_text(title)
        assert table.has_pages(path) == pages
    assert not table.has_pages(path.parent)


def test_pictures_may_have_no_digit_and_a_group(path: Path) -> None:
    raw = b"file,digit,group\na,none,b 1\nb,7,\nc,0\n"
    expected = [("a", (None, "none", "b 1")), ("b", (None, "7", "")), ("c", (None, "0", ""))]
    assert read_table(path, raw) == (expected, [])


@pytest.mark.unix
def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(DataError, match=f"^{path} is not a file$"):
            list(table.rows(path, print))
    with pytest.raises(DataError, match="^can't read none.csv: No such file"):
        list(table.rows(Path("none.csv"), print))


@pytest.mark.linux
def test_names_may_be_escaped_as_in_results(path: Path) -> None:
    names = ["=1.png", "a\nb.png", "\udcff.png", "\u202e.png", "-7.png"]
    looks_escaped = r"\x411.png"  # but isn't
    for name in (*names, looks_escaped):
        path.with_name(name).touch()
    written = [*map(csv_name, names), looks_escaped, "gone"]
    read, errors = read_table(path, ",7\n".join(["file,digit,x", *written, ""]).encode())
    assert ([name for name, _ in read], errors) == ([*names, looks_escaped, "gone"], [])


PAGES = [
    ("a b.png", (None, "12.5  -3\n7", "")),
    ("c.png", (None, "", "")),
    ("d.png", (None, "9", "")),
]
PAGE_TABLE = 'file,text,by\na b.png,"12,5 -3/7",x\nc.png,,y\nd.png, 9 /,z\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PAGE_TABLE, PAGES),
        ("File;by;TEXT\na b.png;x;12,5 -3/7\nc.png;y;\nd.png;;9\n;;\n", PAGES),
        ('file\ttext\na b.png\t"12.5   \u22123\n7"\nc.png\t\nd.png\t9\n', PAGES),
        ('file,text\na b.png,"12.5  \\x2d3/7"\nc.png,\nd.png,9\n', PAGES),  # as in results
        (
            'Group;text;box;file\nwriter 1;"-3,5";  0 0  9 8 ;a.png\n',
            [("a.png", ((0, 0, 9, 8), "-3.5", "writer 1"))],
        ),
    ],
)
def test_table_of_pages(path: Path, text: str, expected: list[tuple[str, Any]]) -> None:
    assert read_table(path, text.encode(), "text") == (expected, [])


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ("b.png,12 kg", "the text may have digits, minus signs and points, not 'g'"),
        ("b.png,\u0663", "not '\u0663'"),  # a digit, but none that is read
        ("b.png,12,5", "more cells than columns"),
        ("b.png", "file or text is missing"),
        (",12", "file or text is missing"),
        ("b.png," + "1" * 4097, "the text has 4,097 symbols; at most 4,096"),
        ('b.png,"1\n2\nx"', "not 'x'"),  # whose first line is named
    ],
)
def test_invalid_page_costs_its_row(path: Path, row: str, cause: str) -> None:
    longest = "3" * 4096
    raw = f'file,text\na.png,"1\n2"\n{row}\nc.png,{longest}\n'.encode()
    pages, [error] = read_table(path, raw, "text")
    assert pages == [("a.png", (None, "1\n2", "")), ("c.png", (None, longest, ""))]
    assert error.startswith(f"{path}, line 4: ") and cause in error


@pytest.mark.parametrize(
    "box", ["", "1 2 3", "1 2 3 4 5", "3 0 3 9", "0 9 5 9", "-1 0 5 5", "0 0 5.5 5", "0 0 x 5"]
)
def test_numbers_in_malformed_boxes(path: Path, box: str) -> None:
    raw = f"file,box,text\na.png,{box},1\nb.png,0 0 5 5,2\n".encode()
    rows, [error] = read_table(path, raw, "text")
    assert [name for name, _ in rows] == ["b.png"]
    assert error.endswith(f"line 2: the box is '{box}', not left, top, right and bottom in pixels")
