"""The Levenshtein distance of two texts."""


def edits(one: str, other: str) -> int:
    """Return the fewest substitutions, insertions and deletions that turn one into the other."""
    row = list(range(len(other) + 1))
    for place, character in enumerate(one, 1):
        before, row = row, [place]
        for column, candidate in enumerate(other):
            row.append(
                min(before[column + 1] + 1, row[-1] + 1, before[column] + (character != candidate))
            )
    return row[-1]
