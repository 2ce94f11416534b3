"""The Levenshtein distance of two texts."""


def edits(text: str, expected: str) -> int:
    """Return the fewest substitutions, insertions and deletions that turn one into the other."""
    row = list(range(len(expected) + 1))
    for number, character in enumerate(text, 1):
        before, row = row, [number]
        for column, candidate in enumerate(expected):
            substituted = before[column] + (character != candidate)
            row.append(min(before[column + 1] + 1, row[-1] + 1, substituted))
    return row[-1]
