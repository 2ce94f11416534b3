"""Forms: where the fields of a sheet are, what each may hold, and how its sheets are read.

This is the only door: nothing outside imports the modules in here, but the page of the editor, and
nothing imports it before it is needed: it loads OpenCV, of the extra `form`.
"""

from digits.forms.corrections import FieldCorrection, load_corrections
from digits.forms.draw import draw_sheet, make_pdf
from digits.forms.editor.new_form import open_editor
from digits.forms.form import Field, Form
from digits.forms.form_file import load_form
from digits.forms.pdf import print_form
from digits.forms.problems import find_problems
from digits.forms.read import prepare, read_sheet
from digits.forms.sheet import Sheet
from digits.forms.table import check_table

__all__ = [
    "Field",
    "FieldCorrection",
    "Form",
    "Sheet",
    "check_table",
    "draw_sheet",
    "find_problems",
    "load_corrections",
    "load_form",
    "make_pdf",
    "open_editor",
    "prepare",
    "print_form",
    "read_sheet",
]
