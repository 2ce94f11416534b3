"""Rules across the fields of a sheet: sums, and a roster of which it has a row.

By Bayes' rule, as in `read_number`: a combination of texts is as likely as each of them is in its
field, and less for each rule that it breaks: by the share of sheets that do and look so by chance.
"""

import math
from collections.abc import Mapping, Sequence
from heapq import nlargest
from operator import itemgetter

import numpy as np

from digits.fields.form import Form, Rule
from digits.reader.lattice import Arc
from digits.reader.numbers import BROKEN, NumberReading, likely_texts, skip_signs
from digits.reader.search import Paths

_MAX_COMBINATIONS = 1000
_LEAST = BROKEN**2  # what is less likely isn't weighed: rather, a rule is broken


def apply_rules(
    form: Form, lattices: Sequence[Sequence[Arc]], read: Sequence[NumberReading], temperature: float
) -> tuple[list[NumberReading], list[str]]:
    """What is in the fields by the form's rules, too, and notes: which of them don't hold.

    read: by `read_number`, in each field; of a blank one, no symbols and the probability of that. A
    blank addend is 0. A rule that can't be checked, as another field is blank or unreadable,
    changes nothing. In one that doesn't hold, symbols become disputed, so that no number is
    accepted. Where a text changes, the earlier one is the runner-up.
    """
    states = ["" if each.satisfies else "unreadable" if each.symbols else "blank" for each in read]
    checkable, notes = form.checkable(states)
    rules = {rule: _chance(rule, read) for rule in checkable}
    constraints, numbers = [each.constraints for each in form.fields], [*read]
    among = {i for rule in rules for i in rule.fields}
    texts = {i: likely_texts(lattices[i], constraints[i], temperature) for i in among}
    fields = {i: _probabilities(read[i], paths) for i, paths in texts.items()}
    weighed = dict[int, tuple[str, float]]()
    for group in _connected(rules):
        weighed |= _weigh(group, {i: fields[i] for rule in group for i in rule.fields})
    for i, (text, probability) in weighed.items():
        if text != read[i].text:
            symbols = skip_signs(texts[i][text].symbols, constraints[i].digits_only)
            numbers[i] = read[i]._replace(symbols=symbols, runner_up=read[i].text)
        numbers[i] = numbers[i]._replace(probability=probability)
    for rule in rules:
        if not rule.holds([each.text for each in numbers]):
            notes.append(form.failure(rule))
            for i in rule.fields:
                symbols = [(text, arc._replace(disputed=True)) for text, arc in numbers[i].symbols]
                numbers[i] = numbers[i]._replace(symbols=symbols)
    return numbers, notes


def _chance(rule: Rule, read: Sequence[NumberReading]) -> float:
    """Which share of texts satisfies a rule by chance."""
    # As in `Constraints.share`: at worst, a slip of the pen is in the shortest number.
    shortest = min(len(read[i].text) for i in rule.fields if read[i].satisfies)
    return max(rule.share, 0.1 / shortest)


def _probabilities(read: NumberReading, texts: Mapping[str, Paths]) -> dict[str, float]:
    """Of texts that are likely enough; those of a blank field are none.

    Where two looks agree on a text, the others are less likely than its lattice says.
    """
    own = texts[read.text].total if read.text in texts else math.inf
    others = {text: math.exp(paths.total - own) for text, paths in texts.items()}
    others.pop(read.text, None)
    scale = min(read.probability, (1 - read.probability) / (sum(others.values()) or 1))
    scaled = {read.text: read.probability} | {text: scale * x for text, x in others.items()}
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
