"""Reproducible random mutants of valid files."""

import os
import random
import re
from collections.abc import Callable, Iterator, Mapping

# Multiplies the number of mutants, for long runs: DIGITS_HOSTILE=20.
FACTOR = float(os.environ.get("DIGITS_HOSTILE", "1"))

_HEADER_BYTES = 128  # where most formats have their sizes and counts
_MAX_MUTATIONS = 4  # of one mutant
# Edge cases of lengths and counts.
_INTEGERS = (0, 1, -1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 2**63 - 1)
_DECIMALS = (b"0", b"-1", b"1e9", b"65536", b"99999999999999999999", b"\xd9\xa3", b"")


def mutants(specimen: bytes, count: int, seed: str) -> Iterator[bytes]:
    """Yield `count` times DIGITS_HOSTILE mutants of a specimen, each with one to four mutations.

    seed: distinguishes them from those of other specimens.
    """
    for number in range(max(1, round(count * FACTOR))):
        rng = random.Random(f"{seed} {number}")
        mutant = bytearray(specimen)
        for _ in range(rng.randint(1, _MAX_MUTATIONS)):
            if mutant:
                rng.choice(_MUTATIONS)(rng, mutant)
        yield bytes(mutant)


def all_mutants(specimens: Mapping[str, bytes], count: int) -> Iterator[tuple[str, bytes]]:
    """Yield mutants of each specimen, with names that identify them."""
    for name, specimen in specimens.items():
        for number, mutant in enumerate(mutants(specimen, count, name)):
            yield f"{name}, mutant {number}", mutant


def _position(rng: random.Random, raw: bytearray) -> int:
    """Return a random position; in half of the cases, in the header."""
    end = min(len(raw), _HEADER_BYTES) if rng.random() < 0.5 else len(raw)
    return rng.randrange(end) if end else 0


def _part(rng: random.Random, raw: bytearray) -> slice:
    """Return a random part, mostly a short one."""
    start = _position(rng, raw)
    length = rng.choice((1, 2, 4, rng.randint(1, 64), rng.randint(1, len(raw) + 1)))
    return slice(start, start + length)


def _flip_bits(rng: random.Random, raw: bytearray) -> None:
    for _ in range(rng.randint(1, 8)):
        raw[_position(rng, raw)] ^= 1 << rng.randrange(8)


def _overwrite(rng: random.Random, raw: bytearray) -> None:
    start = _position(rng, raw)
    raw[start : start + 8] = rng.randbytes(rng.randint(1, 8))


def _delete(rng: random.Random, raw: bytearray) -> None:
    del raw[_part(rng, raw)]


def _duplicate(rng: random.Random, raw: bytearray) -> None:
    part = _part(rng, raw)
    raw[part.start : part.start] = raw[part]


def _move(rng: random.Random, raw: bytearray) -> None:
    part = _part(rng, raw)
    moved = raw[part]
    del raw[part]
    target = _position(rng, raw)
    raw[target:target] = moved


def _truncate(rng: random.Random, raw: bytearray) -> None:
    del raw[rng.randrange(len(raw) + 1) :]


def _write_integer(rng: random.Random, raw: bytearray) -> None:
    """Write an integer of 1, 2, 4 or 8 bytes in either byte order."""
    size, start = rng.choice((1, 2, 4, 8)), _position(rng, raw)
    number = rng.choice(_INTEGERS) % (1 << 8 * size)
    raw[start : start + size] = number.to_bytes(size, rng.choice(("little", "big")))


def _replace_decimal(rng: random.Random, raw: bytearray) -> None:
    """Replace a decimal number, as in the headers of PPM, tar, JSON and HTTP."""
    numbers = [match.span() for match in re.finditer(rb"\d+", raw[:4096])]
    if numbers:
        start, end = rng.choice(numbers)
        raw[start:end] = rng.choice(_DECIMALS)


_MUTATIONS: tuple[Callable[[random.Random, bytearray], None], ...] = (
    *(_flip_bits, _overwrite, _delete, _duplicate, _move, _truncate),
    *(_write_integer, _write_integer, _replace_decimal),
)
