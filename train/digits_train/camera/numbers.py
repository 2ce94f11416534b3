"""Random numbers, as people write them: what a line of a page says."""

from collections.abc import Iterable

from digits_train.raster import Random

# Written between the parts of dates, times, fractions and sums.
_SEPARATORS = ("-", "-", "/", ":", ".", "+", "=", "x")
_CURRENCIES = ("$", "€", "£", "kr", "Fr.")
_UNITS = ("%", "kg", "cm", "m", "km", "h", "€", "'", "ml", "°")


def random_number(random: Random, kind: str) -> str:
    """A number, or several with signs between them. kind: one of KINDS."""
    return _KINDS[kind](random)


def _digits(random: Random, low: int, high: int) -> str:
    return _text(random.integers(0, 10, random.integers(low, high + 1)))


def _text(digits: Iterable[int]) -> str:
    return "".join(map(str, digits))


def _plain(random: Random) -> str:
    return _digits(random, 1, 8)


def _doubled(random: Random) -> str:
    """With repeated digits and zeros."""
    number = [int(random.integers(10))]
    for _ in range(int(random.integers(1, 7))):
        choices = number[-1], 0, int(random.integers(10))
        number.append(choices[int(random.choice(3, p=(0.4, 0.25, 0.35)))])
    return _text(number)


def _ones(random: Random) -> str:
    """11, 101, 10 to 19."""
    chance = random.random()
    if chance < 0.3:
        return "1" * int(random.integers(2, 5))
    if chance < 0.6:
        return f"1{random.integers(10)}"
    return _text(1 if random.random() < 0.6 else int(random.integers(10)) for _ in range(4))


def _amount(random: Random) -> str:
    """With a sign, thousands and a decimal mark."""
    before, decimal = ("-" if random.random() < 0.35 else ""), random.choice([".", ","])
    whole = _digits(random, 1, 5)
    if len(whole) > 3 and random.random() < 0.5:
        thousands = {".": ",", ",": "."}[str(decimal)] if random.random() < 0.7 else "'"
        whole = f"{whole[:-3]}{thousands}{whole[-3:]}"
    chance = random.random()
    if chance < 0.7:
        whole += f"{decimal}{_digits(random, 1, 3) if chance < 0.2 else _digits(random, 2, 2)}"
    elif chance < 0.8:
        whole += f"{decimal}-"  # no cents
    if random.random() < 0.2:
        return f"{before}{random.choice(_CURRENCIES)}{whole}"
    return f"{before}{whole}{random.choice(_UNITS) if random.random() < 0.3 else ''}"


def _date(random: Random) -> str:
    """Parts with separators."""
    separator = str(random.choice(_SEPARATORS))
    return separator.join(_digits(random, 1, 4) for _ in range(int(random.integers(2, 4))))


_KINDS = {
    "plain": _plain,
    "doubled": _doubled,
    "ones": _ones,
    "amount": _amount,
    "date": _date,
}
KINDS = tuple(_KINDS)
