"""Hostile bytes: mutants of a valid specimen, the same ones each time."""

import os
import random
import re
from collections.abc import Callable, Iterator, Mapping

# How many times as many mutants as usual: for long runs, e.g. DIGITS_HOSTILE=20.
FACTOR = float(os.environ.get("DIGITS_HOSTILE", "1"))

_HEAD = 128  # bytes, in which most formats have their sizes and counts
_MOST = 4  # mutations of one mutant
# 0, -1 and what is just beside a limit, as they look in the lengths and counts of a format.
_NUMBERS = (0, 1, -1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 2**63 - 1)
_DECIMALS = (b"0", b"-1", b"1e9", b"65536", b"99999999999999999999", b"\xd9\xa3", b"")

Mutation = Callable[[random.Random, bytearray], None]


def mutants(specimen: bytes, count: int, seed: str) -> Iterator[bytes]:
    """`count` times DIGITS_HOSTILE mutants of a specimen, each with one to four mutations.

    seed: what makes them others than those of another specimen.
    """
    for number in range(max(1, round(count * FACTOR))):
        dice = random.Random(f"{seed} {number}")
        mutant = bytearray(specimen)
        for _ in range(dice.randint(1, _MOST)):
            dice.choice(_MUTATIONS)(dice, mutant)
        yield bytes(mutant)


def all_mutants(specimens: Mapping[str, bytes], count: int) -> Iterator[tuple[str, bytes]]:
    """`mutants` of each specimen, with a name by which one can be made again."""
    for name, specimen in specimens.items():
        for number, mutant in enumerate(mutants(specimen, count, name)):
            yield f"{name}, mutant {number}", mutant


def _place(dice: random.Random, raw: bytearray) -> int:
    """Somewhere in the bytes; every other time in their head."""
    end = min(len(raw), _HEAD) if dice.random() < 0.5 else len(raw)
    return dice.randrange(end) if end else 0


def _flipped(dice: random.Random, raw: bytearray) -> None:
    for _ in range(dice.randint(1, 8)):
        if raw:
            raw[_place(dice, raw)] ^= 1 << dice.randrange(8)


def _noise(dice: random.Random, raw: bytearray) -> None:
    place = _place(dice, raw)
    raw[place : place + 8] = dice.randbytes(dice.randint(1, 8))


def _deleted(dice: random.Random, raw: bytearray) -> None:
    place = _place(dice, raw)
    del raw[place : place + _length(dice, raw)]


def _duplicated(dice: random.Random, raw: bytearray) -> None:
    place, length = _place(dice, raw), _length(dice, raw)
    raw[place:place] = raw[place : place + length]


def _moved(dice: random.Random, raw: bytearray) -> None:
    place, length = _place(dice, raw), _length(dice, raw)
    part = raw[place : place + length]
    del raw[place : place + length]
    place = _place(dice, raw)
    raw[place:place] = part


def _truncated(dice: random.Random, raw: bytearray) -> None:
    del raw[dice.randrange(len(raw) + 1) :]


def _number(dice: random.Random, raw: bytearray) -> None:
    """An integer of 1, 2, 4 or 8 bytes in one of both orders."""
    size, place = dice.choice((1, 2, 4, 8)), _place(dice, raw)
    number = dice.choice(_NUMBERS) % (1 << 8 * size)
    raw[place : place + size] = number.to_bytes(size, dice.choice(("little", "big")))


def _decimal(dice: random.Random, raw: bytearray) -> None:
    """A number in letters, as in the heads of PPM, tar, JSON and HTTP."""
    found = [match.span() for match in re.finditer(rb"\d+", raw[:4096])]
    if found:
        start, end = dice.choice(found)
        raw[start:end] = dice.choice(_DECIMALS)


def _length(dice: random.Random, raw: bytearray) -> int:
    """Of a range: mostly short."""
    return dice.choice((1, 2, 4, dice.randint(1, 64), dice.randint(1, len(raw) + 1)))


_MUTATIONS: tuple[Mutation, ...] = (
    _flipped,
    _noise,
    _deleted,
    _duplicated,
    _moved,
    _truncated,
    _number,
    _number,
    _decimal,
)
