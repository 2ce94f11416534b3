"""`digits fields`: boxes by mouse, finger and keys, and what is stored."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from selenium.webdriver.common.keys import Keys

from tests.browser.page import Page
from tests.served import served


@contextmanager
def edited(page: Page, folder: Path, *arguments: str) -> Iterator[None]:
    """Open the page of form.toml in a folder."""
    output = "-o", str(folder / "form.toml")
    with served(*arguments, *output, command="fields") as server:
        page.driver.get(server.url)
        page.wait(lambda: page.select("fieldset:disabled"))
        yield


def save(page: Page, folder: Path, said: str = "Saved. Next: digits read --fields ") -> Any:
    """Save, and return the fields in the file."""
    page.button("constraints", "Save").click()
    page.wait_for("#status", said)
    return tomllib.loads((folder / "form.toml").read_text("utf-8"))["fields"]


def test_fields(page: Page, tmp_path: Path) -> None:
    (tmp_path / "form.toml").write_text('size = [1000, 1000]\nfind = "marks"\nfields = []\n')
    with edited(page, tmp_path):
        page.draw([[(0.2, 0.3), (0.3, 0.35), (0.5, 0.4)]])
        for name, text in (("name", "student"), ("cells", "6")):
            [entry] = page.select(f"[name={name}]")
            entry.send_keys(Keys.CONTROL, "a", Keys.NULL, text)
        page.select("[name=key]")[0].click()
        page.draw([[(0.6, 0.6), (0.8, 0.7)], [(0.7, 0.65), (0.6, 0.75)], [(0.7, 0.8), (0.8, 0.85)]])
        student, moved = save(page, tmp_path)
        assert student["box"] == pytest.approx([200, 300, 500, 400], abs=5)
        assert {**student, "box": 0} == {"name": "student", "box": 0, "cells": 6, "key": True}
        assert moved["name"] == "field1"
        assert moved["box"] == pytest.approx([500, 700, 800, 850], abs=8)
        page.find("paper").send_keys(Keys.ARROW_LEFT, Keys.SHIFT, Keys.ARROW_DOWN)
        change = np.subtract(save(page, tmp_path)[1]["box"], moved["box"])
        assert change.round(1).tolist() == [-2, 0, -2, 2]
        page.draw([[(0.3, 0.35), (0.6, 0.75)]])  # onto the other
        save(page, tmp_path, "Not saved: the fields student and field1 overlap.")
        page.find("paper").send_keys(Keys.DELETE, Keys.ENTER)
        [entry] = page.select("[name=length]")
        entry.send_keys("4-8")
        [left] = save(page, tmp_path)
        assert (left["name"], left["length"]) == ("field1", "4-8")


def test_printed_boxes_are_proposed(page: Page, tmp_path: Path) -> None:
    sheet = Image.new("L", (800, 600), 255)
    for left in range(100, 340, 40):
        ImageDraw.Draw(sheet).rectangle((left, 100, left + 40, 150), outline=0, width=3)
    sheet.save(tmp_path / "blank.png")
    with edited(page, tmp_path, str(tmp_path / "blank.png")):
        [field, *_] = save(page, tmp_path)
    assert field["cells"] == 6
    assert field["box"] == pytest.approx([100, 100, 340, 150], abs=6)
