"""Forms: where the fields of a sheet are, what each may hold, and how its sheets are read.

This is the only door: nothing outside imports the modules in here. It needs the extra `form`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digits.forms.corrections import FieldCorrection as FieldCorrection
    from digits.forms.corrections import load_corrections as load_corrections
    from digits.forms.draw import draw_sheet as draw_sheet
    from digits.forms.draw import make_pdf as make_pdf
    from digits.forms.editor.api import Editor as Editor
    from digits.forms.editor.new_form import new_form as new_form
    from digits.forms.form import Field as Field
    from digits.forms.form import Form as Form
    from digits.forms.form_file import load_form as load_form
    from digits.forms.pdf import print_form as print_form
    from digits.forms.problems import draw_problems as draw_problems
    from digits.forms.problems import find_problems as find_problems
    from digits.forms.read import prepare as prepare
    from digits.forms.read import read_sheet as read_sheet
    from digits.forms.sheet import Sheet as Sheet
    from digits.forms.table import check_table as check_table

_MODULES = {
    "Editor": "editor.api",
    "Field": "form",
    "FieldCorrection": "corrections",
    "Form": "form",
    "Sheet": "sheet",
    "check_table": "table",
    "draw_problems": "problems",
    "draw_sheet": "draw",
    "find_problems": "problems",
    "load_corrections": "corrections",
    "load_form": "form_file",
    "make_pdf": "draw",
    "new_form": "editor.new_form",
    "prepare": "read",
    "print_form": "pdf",
    "read_sheet": "read",
}


def __getattr__(name: str) -> Any:
    # Not everybody needs OpenCV, fpdf2 or Starlette.
    if name not in _MODULES:
        raise AttributeError(f"module 'digits.forms' has no attribute {name!r}")
    return getattr(importlib.import_module(f"digits.forms.{_MODULES[name]}"), name)
