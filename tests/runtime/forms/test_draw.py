"""What `--annotate` draws on sheets."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pypdfium2
from msgspec import structs
from PIL import Image

from digits.forms import draw
from digits.forms.form import Field, Form
from digits.forms.sheet import Sheet
from digits.images import picture
from digits.prediction import Number, Reason, Status
from tests.conftest import Patch, Run

FORM = Form(
    (300, 200), tuple(Field(f"q{n}", (20 + 90 * n, 90, 90 + 90 * n, 120)) for n in range(3))
)


def has(image: Image.Image, colour: tuple[int, int, int]) -> bool:
    return bool((np.asarray(image) == colour).all(2).any())


def test_fields_are_green_amber_or_red() -> None:
    page = picture.load(np.full((400, 600), 230, np.uint8))
    form = structs.replace(
        FORM, fields=tuple(structs.replace(field, is_optional=True) for field in FORM.fields)
    )
    statuses: list[tuple[Status, Reason]] = [
        *(("accepted", ""), ("review", "unsure"), ("none", "constraints"))
    ]
    for count in range(4):
        numbers = [Number("7", 0.9, *status, "", "", ()) for status in statuses[:count]]
        numbers += [Number("", 1.0, "none", "blank", "", "", ())] * (3 - count)
        sheet = Sheet(form, tuple(numbers), homography=np.diag([2.0, 2.0, 1.0]))
        drawn = draw.draw_sheet(page, sheet).crop((0, 100, 600, 400))  # without the title
        colours = draw.GREEN, draw.AMBER, draw.RED
        assert [has(drawn, colour) for colour in colours] == [True, count > 1, count > 2]
        required = draw.draw_sheet(page, replace(sheet, form=FORM)).crop((0, 100, 600, 400))
        assert has(required, draw.AMBER) or count == 3  # what may not be blank
        for x in (40, 220, 400):  # the box, in the picture's pixels
            assert (np.asarray(drawn)[120, x - 2 : x + 3] != 230).any()


def test_pdf_has_a_page_for_each_sheet_and_each_bad_file(
    run: Run, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("form.toml").write_text(
        'size = [300, 200]\nfind = "fixed"\nfields = [{name = "a", box = [20, 20, 280, 180]}]'
    )
    Image.new("L", (300, 200), 200).save("a.png")
    Path("b.png").write_bytes(b"no picture")
    Image.new("L", (300, 300), 200).save("c.png")
    arguments = "--form", "form.toml", "a.png", "b.png", "c.png"
    assert run("read", *arguments, "--annotate", "sheets.pdf")[0] == 1
    with pypdfium2.PdfDocument("sheets.pdf") as document:
        texts = [page.get_textpage().get_text_bounded() for page in document]
        pages = [page.render().to_pil() for page in document]
    assert run("read", *arguments, "-o", "a.csv")[0] == 1
    for _ in range(2):  # also what has a row
        assert run("read", *arguments, "-o", "a.csv", "--annotate", "again.pdf")[0] == 1
        with pypdfium2.PdfDocument("again.pdf") as document:
            assert len(document) == 3
    assert Path("a.csv").read_text().count("a.png") == 1
    assert "b.png is not a picture" in texts[1].replace("\r\n", " ")
    assert texts[0] == texts[2] == "" and pages[0].width / pages[0].height > 1.2
