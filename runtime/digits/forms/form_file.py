"""A form as a file: TOML, which people and `digits fields` write."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec
import tomli_w
from msgspec import Meta, Struct

from digits import tables
from digits.constraints.allowed import AllowedNumbers
from digits.constraints.automaton import CheckName
from digits.constraints.constraints import Constraints
from digits.errors import DataError, reporting
from digits.files import write_text
from digits.forms.form import MARKER_SETS, Field, FindBy, Form, Rule
from digits.prediction import SIGNS
from digits.text import escape_name

_Side = Annotated[float, Meta(gt=0, le=1e6)]

MAX_BYTES = 1 << 20  # of a form
_MAX_ROWS = 1 << 20  # of a roster


class FieldTable(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One of `[[fields]]`: the arguments of a Field, and the constraints of `digits read`."""

    name: str = ""
    box: tuple[float, float, float, float]
    cells: Annotated[int, Meta(ge=0, le=64)] = 0
    key: bool = False
    optional: bool = False
    digits_only: bool = False
    length: int | str | None = None
    pattern: str | None = None
    check: CheckName | None = None
    list: str | None = None
    range: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w([\w -]{0,38}\w)?", self.name):
            raise ValueError("a field's name has 1 to 40 letters, digits, blanks, - and _")

    def field(self, load_list: Callable[[str], AllowedNumbers]) -> Field:
        """Raises ValueError and DataError for wrong constraints."""
        values = None if self.list is None else load_list(self.list)
        asked = self.length, self.pattern, self.check, values, self.range, self.digits_only
        return Field(self.name, self.box, Constraints(*asked), self.cells, self.key, self.optional)


class FormTable(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The whole file: the arguments of a Form. Paths are relative to it."""

    size: tuple[_Side, _Side]
    find: FindBy
    fields: Annotated[list[FieldTable], Meta(max_length=200)]
    markers: Annotated[int, Meta(ge=0, lt=MARKER_SETS)] = 0
    blank: str | None = None
    roster: str | None = None
    sums: list[Annotated[str, Meta(max_length=4000)]] = []


def load(path: str | Path, layout_only: bool = False) -> Form:
    """Read a form. Raises DataError if it can't be read, or makes no sense.

    layout_only: without what its fields may hold, so that no roster and no list need be there.
    """
    path = Path(path)
    if path.exists() and not path.is_file():  # opening a pipe would block
        raise DataError(f"{path} is not a file")
    with reporting(f"read {path}", DataError), path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    try:
        if len(content) > MAX_BYTES:
            raise ValueError("it is larger than 1 MB")
        table = msgspec.convert(tomllib.loads(content.decode()), FormTable)
        if layout_only:
            bare = [FieldTable(name=f.name, box=f.box, cells=f.cells) for f in table.fields]
            table = msgspec.structs.replace(table, fields=bare, roster=None, sums=[])
        return to_form(table, path)
    except (ValueError, RecursionError) as error:  # also what is no UTF-8, TOML, or such a table
        raise DataError(f"{path}: {error}") from error


def to_form(table: FormTable, path: Path) -> Form:
    """The form that a table in this file describes. Raises ValueError and DataError."""
    folder, fields = path.parent, list[Field]()
    load_list = cache(lambda name: AllowedNumbers.parse(name, folder))  # once for all fields
    for each in table.fields:
        try:
            fields.append(each.field(load_list))
        except ValueError as error:
            raise ValueError(f"the field {each.name}: {error}") from error
    numbers = {each.name.lower(): number for number, each in enumerate(fields)}
    rules = [_parse_sum(text, numbers) for text in table.sums]
    if table.roster is not None:
        rules.append(_load_roster(folder / table.roster, fields, numbers))
    blank = None if table.blank is None else folder / table.blank
    given = table.size, tuple(fields), table.find, table.markers, blank, tuple(rules)
    return Form(*given, escape_name(str(path)))


def save(path: Path, table: FormTable) -> None:
    """Write a form. Raises ValueError if it makes no sense, and DigitsError."""
    to_form(table, path)
    text = tomli_w.dumps(msgspec.to_builtins(table))
    text = re.sub(r"(?<=\[)\n {4}|,\n(?=])", "", text).replace("\n    ", " ")
    write_text(path, text)  # a list on a line


def _parse_sum(text: str, numbers: Mapping[str, int]) -> Rule:
    total, _, addends = text.partition("=")
    names = [name.strip() for name in (total, *addends.split("+"))]
    if unknown := [name for name in names if name.lower() not in numbers]:
        raise ValueError(f"a sum is `total = a + b`; in {text[:80]!r}, no field is {unknown[0]!r}")
    return Rule(tuple(numbers[name.lower()] for name in names))


def _load_roster(path: Path, fields: list[Field], numbers: Mapping[str, int]) -> Rule:
    """The roster of fields with these numbers; those that are in it may hold nothing else."""
    columns = [name for name in tables.header(path, *numbers) if name in numbers]
    if not columns:
        raise ValueError("no field has the name of a column of the roster")
    signless = (fields[numbers[name]].constraints.digits_only for name in columns)
    without_signs = [dict.fromkeys(map(ord, SIGNS if skipped else "")) for skipped in signless]
    rows = set[tuple[str, ...]]()
    for line, row, _ in tables.rows(path, *columns):
        if line > _MAX_ROWS:
            raise DataError(f"{path} has over {_MAX_ROWS:,} rows")
        cells = (tables.plain_signs(row.get(name, "")) for name in columns)
        rows.add(tuple(map(str.translate, cells, without_signs)))
    if not rows:
        raise DataError(f"{path} has no rows")
    among = tuple(numbers[name] for name in columns)
    for number, texts in zip(among, zip(*rows, strict=True), strict=True):
        asked, name = fields[number].constraints, fields[number].name
        try:
            asked = replace(asked, values=asked.values or texts)
        except ValueError as error:
            raise DataError(f"{path}, column {name}: {error}") from error
        fields[number] = replace(fields[number], constraints=asked)
    return Rule(among, frozenset(rows))
