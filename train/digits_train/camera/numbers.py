"""Random numbers, as people write them: what a line of a page says."""

from collections.abc import Callable

from digits_train.pixels import Random

# Written between the parts of dates, times, fractions and sums.
_SEPARATORS = ("-", "-", "/", ":", ".", "+", "=", "x")
_CURRENCIES = ("$", "€", "£", "kr", "Fr.")
_UNITS = ("%", "kg", "cm", "m", "km", "h", "€", "'", "ml", "°")


def random_digits(random: Random, low: int, high: int) -> str:
    """From low to high digits, as many of each number of them."""
    return "".join(map(str, random.integers(0, 10, random.integers(low, high + 1))))


def _doubled(random: Random) -> str:
    """A number with repeated digits and zeros."""
    number = random_digits(random, 1, 1)
    for _ in range(int(random.integers(1, 7))):
        following = [number[-1], "0", random_digits(random, 1, 1)]
        number += str(random.choice(following, p=(0.4, 0.25, 0.35)))
    return number


def _ones(random: Random) -> str:
    """A number with ones, such as 11, 101 and 10 to 19."""
    chance = random.random()
    if chance < 0.3:
        return "1" * int(random.integers(2, 5))
    if chance < 0.6:
        return "1" + random_digits(random, 1, 1)
    return "".join("1" if random.random() < 0.6 else random_digits(random, 1, 1) for _ in range(4))


def _amount(random: Random) -> str:
    """An amount with a sign, thousands and a decimal mark."""
    before, decimal = ("-" if random.random() < 0.35 else ""), str(random.choice([".", ","]))
    whole = random_digits(random, 1, 5)
    if len(whole) > 3 and random.random() < 0.5:
        thousands = {".": ",", ",": "."}[decimal] if random.random() < 0.7 else "'"
        whole = f"{whole[:-3]}{thousands}{whole[-3:]}"
    chance = random.random()
    if chance < 0.7:
        lengths = (1, 3) if chance < 0.2 else (2, 2)
        whole += decimal + random_digits(random, *lengths)
    elif chance < 0.8:
        whole += f"{decimal}-"  # no cents
    if random.random() < 0.2:
        return f"{before}{random.choice(_CURRENCIES)}{whole}"
    return f"{before}{whole}{random.choice(_UNITS) if random.random() < 0.3 else ''}"


def _date(random: Random) -> str:
    """A date, a time, a fraction or a sum: numbers with signs between them."""
    parts = [random_digits(random, 1, 4) for _ in range(int(random.integers(2, 4)))]
    return str(random.choice(_SEPARATORS)).join(parts)


def _cheque(random: Random) -> str:
    """An amount to which nobody can add a digit, with signs before and behind it."""
    whole = random_digits(random, 1, 7)
    if random.random() < 0.35:
        whole += "0" * int(random.integers(1, 5))
    mark = str(random.choice([".", ",", "'"]))
    if random.random() < 0.4:
        whole = f"{int(whole):,}".replace(",", mark)
    if random.random() < 0.25:
        whole += ("," if mark == "." else ".") + random_digits(random, 2, 2)
    before = random.choice(["", "=", "#", "$", "€", "("], p=(0.6, *[0.08] * 5))
    behind = random.choice(
        ["", "=", "-", ".-", ",-", ".=", "/", "/-", "#", "--"], p=(0.35, *[0.65 / 9] * 9)
    )
    return f"{before}{whole}{behind}"


# Each draws a number, or several with signs between them.
KINDS: dict[str, Callable[[Random], str]] = {
    "plain": lambda random: random_digits(random, 1, 8),
    "doubled": _doubled,
    "ones": _ones,
    "amount": _amount,
    "date": _date,
    "long": lambda random: random_digits(random, 8, 20),
    "cheque": _cheque,
}
