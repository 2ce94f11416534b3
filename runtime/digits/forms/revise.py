"""Rules across the fields of a sheet: sums, and a roster of which it has a row.

Bayes' rule applies, as in `read_number`: a combination of texts is as likely as each of them is in
its field, and less for each rule that it breaks: by the share of sheets that break it, and of
texts that keep it by chance.
"""

from collections.abc import Mapping, Sequence
from heapq import nlargest
from operator import itemgetter

import numpy as np

from digits.forms.field import FieldReading
from digits.forms.form import Form
from digits.forms.rules import Rule
from digits.reader.numbers import VIOLATION_RATE, NumberReading

_MAX_COMBINATIONS = 1000
_MIN_PROBABILITY = VIOLATION_RATE**2  # what is less likely isn't weighed: rather, a rule is broken


def revise(form: Form, readings: Sequence[FieldReading]) -> list[FieldReading]:
    """Read the fields of a sheet again by the form's rules.

    readings: of each field; a blank one has no text, and the probability of that.

    A blank addend is 0. A rule that can't be checked, as another field is blank or breaks its
    constraints, changes nothing. In one that is broken, no number is accepted.
    """
    numbers = [reading.number for reading in readings]
    rules = {rule: _chance(rule, numbers) for rule in form.rules if _is_checkable(rule, readings)}
    for group in _connected(rules):
        texts = {i: _probabilities(numbers[i]) for rule in group for i in rule.fields}
        for i, (text, probability) in _weigh(group, texts).items():
            numbers[i] = numbers[i]._replace(text=text, probability=probability)
    revised = [
        reading._replace(number=number) for reading, number in zip(readings, numbers, strict=True)
    ]
    broken = (rule for rule in rules if not rule.holds([number.text for number in numbers]))
    for i in {i for rule in broken for i in rule.fields}:
        disputed = numbers[i]._replace(is_disputed=True)
        revised[i] = revised[i]._replace(number=disputed, reason="rule")
    return revised


def _is_checkable(rule: Rule, readings: Sequence[FieldReading]) -> bool:
    """Whether all of its fields have an allowed text, or are blank where they may be."""
    return all(
        number.satisfies or (not number.text and i not in rule.required and reason != "doubt")
        for i, (number, *_, reason) in ((i, readings[i]) for i in rule.fields)
    )


def _chance(rule: Rule, numbers: Sequence[NumberReading]) -> float:
    """Which share of texts satisfies a rule by chance."""
    # As in `Constraints.share`: at worst, a slip of the pen is in the shortest number.
    shortest = min(len(numbers[i].text) for i in rule.fields if numbers[i].satisfies)
    return max(rule.chance, 0.1 / shortest)


def _probabilities(reading: NumberReading) -> dict[str, float]:
    """The probabilities of a field's texts that are likely enough; a blank field has the empty one.

    Where what is beside a field makes its text less likely, none of the others is likelier.
    """
    scale = min(reading.probability / reading.texts.get(reading.text, 1.0), 1.0)
    scaled = {text: scale * p for text, p in reading.texts.items()}
    scaled[reading.text] = reading.probability
    likely = {text: p for text, p in scaled.items() if p > _MIN_PROBABILITY}
    return likely or {reading.text: reading.probability}


def _connected(rules: Mapping[Rule, float]) -> list[dict[Rule, float]]:
    """Split rules into groups of which no two have a field in common."""
    groups = list[dict[Rule, float]]()
    for rule, share in rules.items():
        joined, separate = {rule: share}, list[dict[Rule, float]]()
        for group in groups:
            if any({*rule.fields} & {*other.fields} for other in group):
                joined |= group
            else:
                separate.append(group)
        groups = [*separate, joined]
    return groups


def _weigh(
    rules: Mapping[Rule, float], field_texts: Mapping[int, dict[str, float]]
) -> dict[int, tuple[str, float]]:
    """The likeliest combination of texts, and the probability of each of them.

    rules: each with the share of texts that satisfies it by chance.
    field_texts: the texts of each field of the rules, and their probabilities.
    """
    combinations: list[tuple[dict[int, str], float]] = [({}, 1.0)]
    for i, texts in field_texts.items():
        longer = (
            ({**combination, i: text}, p * q)
            for combination, p in combinations
            for text, q in texts.items()
        )
        combinations = nlargest(_MAX_COMBINATIONS, longer, itemgetter(1))
    weights = np.ones(len(combinations))
    for rule, share in rules.items():
        are_kept = [rule.holds(combination) for combination, _ in combinations]
        weights *= np.where(are_kept, 1.0, VIOLATION_RATE * share)
    probabilities = np.array([p for _, p in combinations])
    best, _ = combinations[int((weights * probabilities).argmax())]
    # Of the combinations that are left out, some satisfy the rules by chance.
    unlisted_weight = max(rules.values(), default=1.0)
    changes = probabilities * (weights - unlisted_weight)
    total, likeliest = unlisted_weight + changes.sum(), dict[int, tuple[str, float]]()
    for i, text in best.items():
        change = changes[[combination[i] == text for combination, _ in combinations]].sum()
        weight = unlisted_weight * field_texts[i][text] + change
        likeliest[i] = text, min(float(weight / total), 1.0)
    return likeliest
