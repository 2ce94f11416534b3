"""How far two texts are apart."""


def edits(one: str, other: str) -> int:
    """How many characters must be changed, put in or left out (V. Levenshtein, 1966)."""
    row = list(range(len(other) + 1))
    for place, character in enumerate(one, 1):
        before, row = row, [place]
        for column, candidate in enumerate(other):
            row.append(
                min(before[column + 1] + 1, row[-1] + 1, before[column] + (character != candidate))
            )
    return row[-1]
