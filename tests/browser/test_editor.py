"""`digits form edit`: boxes by mouse, finger and keys, and what is stored."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.page import Page
from tests.browser.test_layout import IS_WIDE
from tests.served import served

LOW_BUTTONS = """
return [...document.querySelectorAll("button, input, select")]
  .filter((each) => each.type !== "checkbox" && each.getBoundingClientRect().height < 44)
  .map((each) => each.name || each.textContent);
"""


def test_fields(page: Page, tmp_path: Path) -> None:
    form = tmp_path / "form.toml"
    form.write_text('size = [1000, 1000]\nfind = "marks"\nfields = []\n')

    def save(said: str = "Saved. Next: digits read --form ") -> Any:
        page.button("constraints", "Save").click()
        page.wait_for("#status", said)
        return tomllib.loads(form.read_text("utf-8"))["fields"]

    with served("-o", str(form), command="form edit") as server:
        page.driver.get(server.address)
        page.wait(lambda: page.select("fieldset:disabled"))
        page.draw([[(0.2, 0.3), (0.3, 0.35), (0.5, 0.4)]])
        for name, text in (("name", "student"), ("cells", "6")):
            page.constrain(name, text)
        page.select("[name=key]")[0].click()
        assert not page.script(IS_WIDE) and not (page.phone and page.script(LOW_BUTTONS))
        page.draw([[(0.6, 0.6), (0.8, 0.7)], [(0.7, 0.65), (0.6, 0.75)], [(0.7, 0.8), (0.8, 0.85)]])
        student, moved = save()
        assert student["box"] == pytest.approx([200, 300, 500, 400], abs=5)
        assert student | {"box": 0} == {"name": "student", "box": 0, "cells": 6, "key": True}
        assert moved["name"] == "field1"
        assert moved["box"] == pytest.approx([500, 700, 800, 850], abs=8)
        page.find("paper").send_keys(Keys.ARROW_LEFT, Keys.ARROW_DOWN)
        change = np.subtract(save()[1]["box"], moved["box"])
        assert change.round(1).tolist() == [-2, 2, -2, 2]
        page.draw([[(0.3, 0.35), (0.6, 0.75)]])  # onto the other
        save("Not saved: the field student overlaps the field field1.")
        page.find("paper").send_keys(Keys.CONTROL, "z")
        page.draw([[(0.65, 0.75), (0.65, 0.45)]])
        assert save()[1]["box"][1] == student["box"][3]  # of the edge nearby
        page.button("constraints", "Duplicate").click()
        [*_, original, copied] = save()
        assert copied["name"] == "field2"
        assert np.subtract(copied["box"], original["box"]).tolist() == pytest.approx(
            [0, 225] * 2, abs=20
        )
        page.button("constraints", "Undo").click()
        assert save()[1:] == [original]
        page.find("paper").send_keys(Keys.ENTER, Keys.DELETE, Keys.ENTER)
        page.constrain("length", "4-8")
        [left] = save()
        assert (left["name"], left["length"]) == ("field1", "4-8")
