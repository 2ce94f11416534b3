"""Forms: where the fields of a sheet are, what each may hold, and how its sheets are read.

This is the only door: nothing outside imports the modules in here. It needs the extra `form`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digits.forms.corrections import FieldCorrection, load_corrections
    from digits.forms.draw import draw_sheet, make_pdf
    from digits.forms.editor.api import Editor
    from digits.forms.editor.new_form import new_form
    from digits.forms.form import Field, Form
    from digits.forms.form_file import load_form
    from digits.forms.pdf import print_form
    from digits.forms.problems import draw_problems, find_problems
    from digits.forms.read import prepare, read_sheet
    from digits.forms.sheet import Sheet
    from digits.forms.table import check_table

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
__all__ = [
    "Editor",
    "Field",
    "FieldCorrection",
    "Form",
    "Sheet",
    "check_table",
    "draw_problems",
    "draw_sheet",
    "find_problems",
    "load_corrections",
    "load_form",
    "make_pdf",
    "new_form",
    "prepare",
    "print_form",
    "read_sheet",
]


def __getattr__(name: str) -> Any:
    # Not everybody needs OpenCV, fpdf2 or Starlette.
    if name not in _MODULES:
        raise AttributeError(f"module 'digits.forms' has no attribute {name!r}")
    return getattr(importlib.import_module(f"digits.forms.{_MODULES[name]}"), name)
