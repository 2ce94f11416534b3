"""The pages of PDF and TIFF files, and what is wrong with some."""

from pathlib import Path

import numpy as np
import pytest
from fpdf import FPDF
from fpdf.enums import EncryptionMethod
from PIL import Image

from digits.errors import PictureError
from digits.images import decoder, documents, pdf, picture
from tests.conftest import PICTURES, Patch, Run

A4 = 210, 297


def make_pdf(path: Path, *sizes: tuple[float, float], password: str = "") -> Path:
    """Write a PDF; page N has a black square of N centimetres. sizes: in millimetres."""
    document = FPDF(unit="mm")
    for number, size in enumerate(sizes, 1):
        document.add_page(format=size)
        document.rect(0, 0, 10 * number, 10 * number, "F")
    if password:
        document.set_encryption(password, password, EncryptionMethod.RC4)
    path.write_bytes(bytes(document.output()))
    return path


def test_pages_of_a_pdf_at_200_dpi_or_as_large_as_asked_for(tmp_path: Path) -> None:
    file = make_pdf(tmp_path / "scan.pdf", A4, A4)
    names = documents.split_pages([str(file), "0.png"])
    assert names == [f"{file}#1", f"{file}#2", "0.png"]
    for number, name in enumerate(names[:2], 1):
        page = picture.load(name, picture.SHEET_MAX_SIDE)
        assert (page.size, page.name) == ((1654, 2339), name)
        assert np.abs(np.array(page.pixels.shape) - (2339, 1654)).max() <= 1
        side = np.sqrt((page.pixels < 128).sum()) / 200 * 25.4
        assert side == pytest.approx(10 * number, abs=0.2)
        small = picture.load(name, 600)
        assert max(small.pixels.shape) == 600
        assert small.downscale == pytest.approx(2339 / 600)
    one = make_pdf(tmp_path / "one.pdf", A4)
    assert documents.split_pages([str(one)]) == [f"{one}#1"]
    assert (documents.load(names[1], 600).pixels == small.pixels).all()


def test_pages_of_a_tiff(tmp_path: Path, monkeypatch: Patch) -> None:
    file, frames = tmp_path / "scan.TIF", [Image.new("L", (9, n)) for n in (5, 6, 7)]
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
    names = documents.split_pages([str(file)])
    assert [picture.load(name).size[1] for name in names] == [5, 6, 7]
    with pytest.raises(PictureError, match="has no page 4"):
        picture.load(f"{file}#4")
    (tmp_path / "scan.TIF#3").touch()  # either may be meant
    with pytest.raises(PictureError, match="is a file, and a page of"):
        picture.load(names[2])
    monkeypatch.setattr(decoder, "MAX_PAGES", 2)
    with pytest.raises(PictureError, match="has more than 2 pages: split it"):
        picture.load(str(file))
    frames[0].save(file, "TIFF")
    assert documents.split_pages([str(file)]) == [str(file)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"%PDF-1.7\n1 0 obj", "is damaged or cut off"),
        ([(5000, 297)], "page 1 is 5.0 m long; at most 1.3 m are read"),
        ([A4] * 4, "has 4 pages; at most 3 are read: split it"),
        ("password", "is encrypted: save it without a password"),
    ],
    ids=str,
)
def test_pdfs_that_are_refused(
    tmp_path: Path,
    monkeypatch: Patch,
    content: bytes | str | list[tuple[float, float]],
    reason: str,
) -> None:
    monkeypatch.setattr(pdf, "MAX_PAGES", 3)
    file = tmp_path / "a.pdf"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif isinstance(content, str):
        make_pdf(file, A4, password=content)
    else:
        make_pdf(file, *content)
    with pytest.raises(PictureError, match=reason):
        picture.load(str(file))


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_pdf_with_a_damaged_picture_is_refused(tmp_path: Path, suffix: str) -> None:
    file, document = tmp_path / "a.pdf", FPDF()
    Image.open(PICTURES / "8.tif").convert("L").save(tmp_path / f"a.{suffix}")
    document.add_page()
    document.image(tmp_path / f"a.{suffix}")
    content = bytearray(document.output())
    file.write_bytes(content)
    assert picture.load(str(file)).pixels.min() < 128
    start = content.index(b"stream", content.index(b"/Subtype /Image"))
    end = content.index(b"endstream", start)
    half = (end - start) // 2
    content[end - half : end] = bytes(half)
    file.write_bytes(content)
    with pytest.raises(PictureError, match="a.pdf is damaged"):
        picture.load(str(file))


def test_what_is_typed_into_the_fields_of_a_pdf_is_drawn(tmp_path: Path) -> None:
    objects = (
        "/Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] >>",
        "/Type /Pages /Kids [3 0 R] /Count 1",
        "/Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Annots [4 0 R]",
        "/Subtype /Widget /FT /Tx /T (a) /V (7) /DA (/Helv 90 Tf 0 g) /Rect [50 50 250 250] /F 4",
    )
    body = "".join(f"{n} 0 obj << {each} >> endobj\n" for n, each in enumerate(objects, 1))
    (tmp_path / "a.pdf").write_text(f"%PDF-1.7\n{body}trailer << /Root 1 0 R >>\n%%EOF")
    pixels = picture.load(str(tmp_path / "a.pdf")).pixels
    assert pixels.max() == 255 and 1000 < (pixels < 128).sum() < 20_000


@pytest.mark.parametrize(
    ("module", "suffix", "sentence"),
    [
        ("pypdfium2", "pdf", 'a PDF needs pypdfium2: pip install "digits[documents]"'),
        ("pillow_heif", "heic", 'HEIC needs pillow-heif: pip install "digits[documents]"'),
    ],
)
def test_missing_extra(
    tmp_path: Path, monkeypatch: Patch, module: str, suffix: str, sentence: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    file = tmp_path / f"a.{suffix}"
    box = b"\0\0\0\x1cftyp%s\0\0\0\0" % suffix.encode()
    file.write_bytes(b"%PDF-1.7" if suffix == "pdf" else box)
    with pytest.raises(PictureError, match=sentence.replace("[", r"\[")):
        picture.load(str(file))


@pytest.mark.slow
def test_a_bad_document_costs_itself_alone(tmp_path: Path, run: Run) -> None:
    good, bad = make_pdf(tmp_path / "b.pdf", A4, A4), tmp_path / "a.pdf"
    bad.write_bytes(b"%PDF-1.7")
    code, out, err = run("predict", bad, good, PICTURES / "7.jpg")
    assert (code, out.count("\n")) == (1, 3)
    assert err.count("is damaged") == 1 and f"error: {bad} is damaged" in err
    assert f"{good}#2  ?\n" in out
