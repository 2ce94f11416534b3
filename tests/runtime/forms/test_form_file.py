"""Forms as files: what is wrong with one is said in a sentence."""

import re
from pathlib import Path

import pytest

from digits.errors import DataError
from digits.forms.form_file import load_form

FORM = """size = [210, 297]
find = "marks"
sums = ["total = a + b"]
fields = [
    {name = "a", box = [30, 80, 60, 92], length = "1-2"},
    {name = "b", box = [70, 80, 100, 92], check = "luhn", optional = true},
    {name = "total", box = [150, 80, 180, 92], key = true},
]
"""
WRONG = {
    "outside the sheet": ("[30, 80, 60, 92]", "[30, 80, 60, 300]"),
    "a overlaps the field b": ("[70, 80,", "[50, 80,"),
    "name has 1 to 40 letters": ('name = "a", ', 'name = "", '),
    "the name confidence": ("= [\n", '= [{name = "Confidence", box = [9, 99, 30, 110]},\n'),
    "needs `blank`": ("marks", "blank"),
    "the field a: the length": ('"1-2"', '"two"'),
    "no field is 'c'": ("a + b", "a + c"),
    "total is a part of itself": ("a + b", "a + Total"),
    "a sum is": ("total = a + b", "a + b"),
    "can't read": ("optional = true", 'list = "gone.txt"'),
    "only one field can be the key": ("optional", "key"),
    "larger than 64 KB": ("size", "#" * 65_536 + "\nsize"),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_is_wrong_is_said(tmp_path: Path, sentence: str) -> None:
    path, (old, new) = tmp_path / "form.toml", WRONG[sentence]
    path.write_text(FORM.replace(old, new))
    with pytest.raises(DataError, match=re.escape(sentence)):
        load_form(path)


@pytest.mark.parametrize("rows", ["total,name\n7,Ada\n8,Cy\n7,Bob\n", "a,total\n1,7\n2,7\n"])
@pytest.mark.parametrize(
    "names", [("", 'roster = "r.csv"\nsums'), (', list = "r.csv:total"', "sums")]
)
def test_key_is_in_one_row_of_a_list_or_roster(
    tmp_path: Path, rows: str, names: tuple[str, str]
) -> None:
    path, (field, form) = tmp_path / "form.toml", names
    (tmp_path / "r.csv").write_text(rows)
    path.write_text(FORM.replace("key = true", f"key = true{field}").replace("sums", form))
    with pytest.raises(DataError, match="total is 7 in two rows"):
        load_form(path)
    path.write_text(path.read_text().replace("key = true", "optional = true"))
    load_form(path)


def test_roster_beside_digits_only_has_no_signs(tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text("a,b\n12-34,5.5\n")
    path = tmp_path / "form.toml"
    text = FORM.replace("sums", 'roster = "roster.csv"\nsums').replace(', check = "luhn"', "")
    path.write_text(text.replace('length = "1-2"', "digits_only = true"))
    roster = load_form(path).roster
    assert roster and roster.rows == {("1234", "5.5")}
    (tmp_path / "roster.csv").unlink()
    layout = load_form(path, layout_only=True)  # such as to print it
    assert [field.name for field in layout.fields] == ["a", "b", "total"]


def test_the_example_in_the_docs_is_a_form(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "forms.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "exam.toml").write_text(example)
    (tmp_path / "students.csv").write_text("number\n123456\n")
    assert [field.name for field in load_form(tmp_path / "exam.toml").fields][-1] == "total"
