"""What is read on a sheet, whether to act on it, and what text, JSON and CSV say of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from digits.formats import CHECKSUM
from digits.forms.form import Form
from digits.forms.rules import Rule
from digits.prediction import Number
from digits.text import escape_name

if TYPE_CHECKING:
    from digits.reader.detections import Floats


class Answer(NamedTuple):
    """What a field holds, as it was read or as a person has corrected it.

    text: empty if it is blank, or if nothing can be read.
    status: "accepted", "review" or "none".
    reason: why it isn't accepted; or "corrected".
    """

    text: str
    status: str
    reason: str

    @property
    def is_corrected(self) -> bool:
        return self.reason == "corrected"

    @property
    def is_blank(self) -> bool:
        """Whether it surely holds nothing."""
        return not self.text and (self.reason == "blank" or self.is_corrected)

    @property
    def is_settled(self) -> bool:
        """Whether nobody needs to look at it, unless the form or its other fields object."""
        return self.status == "accepted" or self.is_blank


class Judgement(NamedTuple):
    """Whether to act on a sheet.

    status: "accepted", "review" or "none".
    reason: why it isn't accepted; that of the first field that isn't.
    problems: sentences for people: what breaks the form's rules, or can't be checked by them.
    """

    status: str
    reason: str
    problems: str


def judge(form: Form, answers: Sequence[Answer]) -> Judgement:
    """Judge a sheet by what is in each of its fields. A person outranks the form."""
    problems, reasons = list[str](), list[str]()
    for each, answer in zip(form.fields, answers, strict=True):
        if answer.is_corrected:
            problems.append(each.violation(answer.text))
        elif not answer.is_settled or not (answer.text or each.is_optional):
            reasons.append(answer.reason)
    problems += (_why_unchecked(form, rule, answers) for rule in form.rules)
    for rule in broken_rules(form, answers):
        problems.append(form.violation(rule))
        if not all(answers[i].is_corrected for i in rule.fields):
            reasons.append("rule")
    status = "review" if reasons else "accepted"
    return Judgement(status, next(iter(reasons), ""), "; ".join(filter(None, problems)))


def broken_rules(form: Form, answers: Sequence[Answer]) -> list[Rule]:
    """The rules that don't hold; not those that can't be checked."""
    texts = [answer.text for answer in answers]
    return [rule for rule in form.rules if not _unknown(rule, answers) and not rule.holds(texts)]


def _unknown(rule: Rule, answers: Sequence[Answer]) -> list[int]:
    """The fields without which a rule can't be checked."""
    return [
        i
        for i in rule.fields
        if not answers[i].text and (i in rule.required or not answers[i].is_blank)
    ]


def _why_unchecked(form: Form, rule: Rule, answers: Sequence[Answer]) -> str:
    """Why a rule can't be checked; empty if it can, or if all of its fields are blank."""
    unknown = _unknown(rule, answers)
    if not unknown or all(answers[i].is_blank for i in rule.fields):
        return ""
    checked, name = (form.fields[i].name for i in (rule.fields[0], unknown[0]))
    cause = "blank" if answers[unknown[0]].is_blank else "unclear"
    return f"{checked} can't be checked: {name} is {cause}"


@dataclass(frozen=True)
class Sheet:
    """A sheet of a form.

    numbers: what is in each field, in the form's order; empty if the sheet isn't found.
    failure: why there are none: "not_found" or "unreadable"; or empty.
    note: a remark for people, such as why it isn't found; or empty.
    homography: float64 [3, 3], from the form's unit to the upright picture's pixels; None if the
        sheet isn't found.
    """

    KEYS: ClassVar = ("file", "status", "reason", "problems", "note", "form", CHECKSUM, "fields")

    form: Form = field(repr=False)
    numbers: tuple[Number, ...]
    failure: Literal["", "not_found", "unreadable"] = ""
    note: str = ""
    homography: "Floats | None" = field(default=None, repr=False, compare=False)

    @property
    def COLUMNS(self) -> tuple[str, ...]:
        return self.form.columns

    @property
    def judgement(self) -> Judgement:
        """Whether to act on it."""
        if self.failure:
            return Judgement("none", self.failure, "")
        answers = [Answer(number.text, number.status, number.reason) for number in self.numbers]
        return judge(self.form, answers)

    @property
    def status(self) -> str:
        """ "accepted" if each number is accepted, or blank in an optional field; else "review".

        "none" if the sheet isn't found.
        """
        return self.judgement.status

    @property
    def by_name(self) -> dict[str, Number]:
        """The numbers by their fields' names."""
        return dict(zip((field.name for field in self.form.fields), self.numbers, strict=False))

    def to_text(self) -> str:
        """Text for people: `student 123456  q1 7?  q2 –  (review)`."""
        cells = (f"{name} {number.to_text()}" for name, number in self.by_name.items())
        status, reason, problems = self.judgement
        why = "; ".join(filter(None, (problems, self.note))) or reason
        return "  ".join((*cells, f"({status}: {why})" if why else f"({status})"))

    def to_dict(self, file: str) -> dict[str, Any]:
        """The fields of a JSON object."""
        fields = {name: number.to_dict() for name, number in self.by_name.items()}
        form = self.form
        values = escape_name(file), *self.judgement, self.note, form.file, form.checksum, fields
        return dict(zip(self.KEYS, values, strict=True))

    def records(self, file: str) -> list[dict[str, Any]]:
        """The one row for a table, by its columns."""
        record = self.to_dict(file)
        for form_field, number in zip(self.form.fields, self.numbers, strict=False):
            cells = number.text, number.confidence, number.status, number.reason
            record |= zip(form_field.columns, cells, strict=True)
        return [record]
