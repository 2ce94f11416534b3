"""Rules across the fields of a sheet: sums, and a roster of which it has a row.

By Bayes' rule, as in `read_number`: a combination of texts is as likely as each of them is in its
field, and less for each rule that it breaks: by the share of sheets that do and look so by chance.
"""

import math
from collections.abc import Mapping, Sequence
from heapq import nlargest
from operator import itemgetter

import numpy as np

from digits.forms.form import Form, Rule
from digits.reader.numbers import BROKEN, NumberReading

_MAX_COMBINATIONS = 1000
_LEAST = BROKEN**2  # what is less likely isn't weighed: rather, a rule is broken


def apply_rules(form: Form, read: Sequence[NumberReading]) -> tuple[list[NumberReading], list[str]]:
    """What is in the fields by the form's rules, too, and notes: which of them don't hold.

    read: by `read_number`, in each field; of a blank one, no text and the probability of that. A
    blank addend is 0. A rule that can't be checked, as another field is blank or unreadable,
    changes nothing. In one that doesn't hold, numbers become disputed, so that none is accepted.
    """
    states = ["" if each.satisfies else "unreadable" if each.text else "blank" for each in read]
    checkable, notes = form.checkable(states)
    rules = {rule: _chance(rule, read) for rule in checkable}
    numbers, among = [*read], {i for rule in rules for i in rule.fields}
    fields = {i: _probabilities(read[i]) for i in among}
    weighed = dict[int, tuple[str, float]]()
    for group in _connected(rules):
        weighed |= _weigh(group, {i: fields[i] for rule in group for i in rule.fields})
    for i, (text, probability) in weighed.items():
        numbers[i] = numbers[i]._replace(text=text, probability=probability)
    for rule in rules:
        if not rule.holds([each.text for each in numbers]):
            notes.append(form.failure(rule))
            for i in rule.fields:
                numbers[i] = numbers[i]._replace(is_disputed=True)
    return numbers, notes


def _chance(rule: Rule, read: Sequence[NumberReading]) -> float:
    """Which share of texts satisfies a rule by chance."""
    # As in `Constraints.share`: at worst, a slip of the pen is in the shortest number.
    shortest = min(len(read[i].text) for i in rule.fields if read[i].satisfies)
    return max(rule.share, 0.1 / shortest)


def _probabilities(read: NumberReading) -> dict[str, float]:
    """Of texts that are likely enough; those of a blank field are none.

    Where what is beside a field makes its text less likely, none of the others is likelier.
    """
    own = read.texts.get(read.text, 1.0)
    scale = min(read.probability / own, 1.0)
    scaled = {text: scale * p for text, p in read.texts.items()} | {read.text: read.probability}
    return {text: p for text, p in scaled.items() if p > _LEAST} or scaled


def _connected(rules: Mapping[Rule, float]) -> list[dict[Rule, float]]:
    """Groups of rules, of which no field of one is in another."""
    groups = list[dict[Rule, float]]()
    for rule, share in rules.items():
        group, others = {rule: share}, list[dict[Rule, float]]()
        for each in groups:
            if {*rule.fields} & {i for other in each for i in other.fields}:
                group |= each
            else:
                others.append(each)
        groups = [*others, group]
    return groups


def _weigh(
    rules: Mapping[Rule, float], fields: Mapping[int, dict[str, float]]
) -> dict[int, tuple[str, float]]:
    """The likeliest combination of these texts, and the probability of each of them."""
    pairs: list[tuple[dict[int, str], float]] = [({}, 1.0)]
    for i, texts in fields.items():
        longer = (({**read, i: text}, p * q) for read, p in pairs for text, q in texts.items())
        pairs = nlargest(_MAX_COMBINATIONS, longer, itemgetter(1))
    broken = (
        [BROKEN * share for rule, share in rules.items() if not rule.holds(read)]
        for read, _ in pairs
    )
    weights, shares = np.array([*map(math.prod, broken)]), np.array([p for _, p in pairs])
    best, _ = pairs[int((weights * shares).argmax())]
    # Of the combinations that are left out, some satisfy the rules by chance.
    others = max(rules.values(), default=1.0)
    changes = shares * (weights - others)
    total, weighed = others + changes.sum(), dict[int, tuple[str, float]]()
    for i, text in best.items():
        change = changes[[read[i] == text for read, _ in pairs]].sum()
        weighed[i] = text, min(float((others * fields[i][text] + change) / total), 1.0)
    return weighed
