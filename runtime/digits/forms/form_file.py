"""A form as a file: TOML, which people and the editor write."""

import hashlib
import json
import re
import tomllib
from collections.abc import Container, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import tomli_w
from msgspec.structs import replace

from digits import tables
from digits.constraints.allowed import AllowedNumbers
from digits.errors import DataError, reporting
from digits.files import write_text
from digits.forms.form import Form
from digits.forms.rules import Roster
from digits.prediction import SIGNS
from digits.text import escape_name

MAX_BYTES = 64 << 10  # of a form: 200 fields take half of it, a key of a megabyte minutes


def load_form(path: str | Path, layout_only: bool = False) -> Form:
    """Read a form. Raises DataError if it can't be read, or makes no sense.

    layout_only: leave out its lists and its roster, so that their files needn't be there.
    """
    path = Path(path)
    try:
        form_values = read_toml(path)
        return parse(without_lists(form_values) if layout_only else form_values, path)
    except (ValueError, RecursionError) as error:  # of what isn't UTF-8, TOML or a form
        raise DataError(f"{path}: {error}") from error


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a form's file, unchecked. Raises ValueError and DataError."""
    if path.exists() and not path.is_file():  # opening a pipe would block
        raise DataError(f"{path} is not a file")
    with reporting(f"read {path}", DataError), path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES >> 10} KB")
    return tomllib.loads(content.decode())


def without_lists(form_values: Mapping[str, Any]) -> dict[str, Any]:
    """A form's values without its roster and the lists of its fields. Raises ValueError."""
    fields = msgspec.convert(form_values.get("fields"), list[dict[str, Any]])
    return {**form_values, "roster": None, "fields": [{**field, "list": None} for field in fields]}


def parse(
    form_values: Mapping[str, Any], path: Path, trusted_names: Container[str] | None = None
) -> Form:
    """The form that these values of its file describe. Raises ValueError and DataError.

    path: of the form's file.
    trusted_names: of files that needn't be beside the form's; None for all.
    """

    @cache  # a list, once for all fields
    def load_list(name: str) -> AllowedNumbers:
        return AllowedNumbers.parse(name, path.parent)

    def resolve(kind: type, value: Any) -> Any:
        name = msgspec.convert(value, str)
        if trusted_names is not None and Path(name).name != name and name not in trusted_names:
            raise ValueError(f"{name} isn't beside {path}: copy it there, and give its name")
        return path.parent / name if kind is Path else load_list(name)

    content = json.dumps(form_values, sort_keys=True, default=str).encode()
    checksum = f"sha256:{hashlib.sha256(content).hexdigest()[:16]}"  # no number to a spreadsheet
    decodable = {**form_values, "roster": None, "file": escape_name(str(path))}
    decodable["checksum"] = checksum
    form = msgspec.convert(decodable, Form, dec_hook=resolve)
    if form_values.get("roster") is None:
        return form
    return _add_roster(form, resolve(Path, form_values["roster"]))


def load_details(path: Path, form: Form) -> dict[str, dict[str, str]]:
    """What the lists of a form say beside a number, such as a name: by field, then by number.

    Raises DataError if a list can't be read.
    """
    values, details = read_toml(path), dict[str, dict[str, str]]()
    for field in values["fields"]:
        file, _, column = field.get("list", "").rpartition(":")
        if not file and values.get("roster"):
            file, column = values["roster"], field["name"]
        columns = tables.header(path.parent / file, column) if file else []
        others = [name for name in columns if name not in {column.lower(), *form.indices_by_name}]
        if column.lower() in columns and others:
            rows = tables.rows(path.parent / file, column)
            details[field["name"]] = {
                tables.plain_signs(row.get(column.lower(), "")): ", ".join(
                    filter(None, map(row.get, others))
                )
                for _, row, _ in rows
            }
    return details


def save(
    path: Path, form_values: Mapping[str, Any], trusted_names: Container[str] | None = None
) -> None:
    """Write a form. Raises ValueError if it makes no sense, and DigitsError; see `parse`."""
    parse(form_values, path, trusted_names)
    text = tomli_w.dumps(form_values)
    text = re.sub(r"(?<=\[)\n {4}|,\n(?=])", "", text).replace("\n    ", " ")
    write_text(path, text)  # a list on a line


def _add_roster(form: Form, path: Path) -> Form:
    """The form with a roster; those of its fields that are in it may hold nothing else."""
    indices_by_name = form.indices_by_name
    columns = [name for name in tables.header(path, *indices_by_name) if name in indices_by_name]
    if not columns:
        raise ValueError("no field has the name of a column of the roster")
    field_indices = tuple(indices_by_name[name] for name in columns)
    removed = [SIGNS if form.fields[index].digits_only else "" for index in field_indices]
    signs = [dict.fromkeys(map(ord, symbols)) for symbols in removed]
    rows = list[tuple[str, ...]]()
    for line, row, _ in tables.rows(path, *columns):
        try:
            cells = [tables.plain_number(row.get(name, "")) for name in columns]
        except ValueError as error:
            raise DataError(f"{path}, line {line}: {error}") from error
        rows.append(tuple(map(str.translate, cells, signs)))
    if not rows:
        raise DataError(f"{path} has no rows")
    fields = [*form.fields]
    for index, texts in zip(field_indices, zip(*rows, strict=True), strict=True):
        field = fields[index]
        try:
            fields[index] = replace(field, list=field.list or AllowedNumbers(texts))
        except ValueError as error:
            raise DataError(f"{path}, column {field.name}: {error}") from error
    return replace(form, fields=tuple(fields), roster=Roster(field_indices, frozenset(rows)))
