"""Reproducible random mutants of valid files."""

import os
import random
import re
from collections.abc import Iterator, Mapping

# Multiplies the number of mutants, for long runs: DIGITS_HOSTILE=20.
FACTOR = float(os.environ.get("DIGITS_HOSTILE", "1"))

_HEADER_BYTES = 128  # where most formats have their sizes and counts
_MAX_MUTATIONS = 4  # of one mutant
# Edge cases of lengths and counts.
_INTEGERS = (0, 1, -1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 2**63 - 1)
_DECIMALS = (b"0", b"-1", b"1e9", b"65536", b"99999999999999999999", b"\xd9\xa3", b"")


def mutants(specimens: Mapping[str, bytes], count: float) -> Iterator[tuple[str, bytes]]:
    """Yield `count` times DIGITS_HOSTILE mutants of each specimen, with their names."""
    for name, specimen in specimens.items():
        for number in range(max(1, round(count * FACTOR))):
            rng = random.Random(f"{name} {number}")
            mutant = bytearray(specimen)
            for _ in range(rng.randint(1, _MAX_MUTATIONS)):
                if mutant:
                    _mutate(rng, mutant)
            yield f"{name}, mutant {number}", bytes(mutant)


def _mutate(rng: random.Random, raw: bytearray) -> None:
    """Change a part, mostly a short one; in half of the cases, in the header."""
    start, target = (
        rng.randrange(min(len(raw), _HEADER_BYTES) if rng.random() < 0.5 else len(raw))
        for _ in range(2)
    )
    length = rng.choice((1, 2, 4, rng.randint(1, 64), rng.randint(1, len(raw))))
    match rng.choice(("flip", "overwrite", "delete", "copy", "cut", "count", "count", "decimal")):
        case "flip":
            raw[start] ^= 1 << rng.randrange(8)
        case "overwrite":
            raw[start : start + 8] = rng.randbytes(rng.randint(1, 8))
        case "delete":
            del raw[start : start + length]
        case "copy":
            raw[target:target] = raw[start : start + length]
        case "cut":
            del raw[start:]
        case "count":  # of 1, 2, 4 or 8 bytes in either byte order
            size = rng.choice((1, 2, 4, 8))
            number = rng.choice(_INTEGERS) % (1 << 8 * size)
            raw[start : start + size] = number.to_bytes(size, rng.choice(("little", "big")))
        case "decimal":  # as in the headers of PPM, tar, JSON and HTTP
            numbers = [match.span() for match in re.finditer(rb"\d+", raw[:4096])]
            if numbers:
                start, end = rng.choice(numbers)
                raw[start:end] = rng.choice(_DECIMALS)
