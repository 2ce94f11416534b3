"""Rules across the fields of a sheet: sums, and a roster of which it has a row.

Bayes' rule applies, as in `read_number`: a combination of texts is as likely as each of them is in
its field, and less for each rule that it breaks: by the share of sheets that break it, and of
texts that keep it by chance.
"""

import math
from collections.abc import Mapping, Sequence
from heapq import nlargest
from operator import itemgetter

import numpy as np

from digits.forms.form import Form, Rule
from digits.reader.numbers import VIOLATION_RATE, NumberReading

_MAX_COMBINATIONS = 1000
_MIN_PROBABILITY = VIOLATION_RATE**2  # what is less likely isn't weighed: rather, a rule is broken


def apply_rules(
    form: Form, readings: Sequence[NumberReading]
) -> tuple[list[NumberReading], list[str]]:
    """Read the fields again by the form's rules; returns notes, too: which rules don't hold.

    readings: of each field, by `read_number`; a blank one has no text, and the probability of that.

    A blank addend is 0. A rule that can't be checked, as another field is blank or unreadable,
    changes nothing. In one that doesn't hold, numbers become disputed, so that none is accepted.
    """
    states = [
        "" if reading.satisfies else "unreadable" if reading.text else "blank"
        for reading in readings
    ]
    checkable, notes = form.checkable(states)
    rules = {rule: _chance(rule, readings) for rule in checkable}
    revised = [*readings]
    for group in _connected(rules):
        texts = {i: _probabilities(readings[i]) for rule in group for i in rule.field_indices}
        for i, (text, probability) in _weigh(group, texts).items():
            revised[i] = revised[i]._replace(text=text, probability=probability)
    for rule in rules:
        if not rule.holds([reading.text for reading in revised]):
            notes.append(form.why_broken(rule))
            for i in rule.field_indices:
                revised[i] = revised[i]._replace(is_disputed=True)
    return revised, notes


def _chance(rule: Rule, readings: Sequence[NumberReading]) -> float:
    """Which share of texts satisfies a rule by chance."""
    # As in `Constraints.share`: at worst, a slip of the pen is in the shortest number.
    shortest = min(len(readings[i].text) for i in rule.field_indices if readings[i].satisfies)
    return max(rule.share, 0.1 / shortest)


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
            if any({*rule.field_indices} & {*other.field_indices} for other in group):
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
    penalties = (
        [VIOLATION_RATE * share for rule, share in rules.items() if not rule.holds(combination)]
        for combination, _ in combinations
    )
    weights = np.array([*map(math.prod, penalties)])
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
