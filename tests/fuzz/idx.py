"""Fuzz the parser of MNIST's files."""

from tests.fuzz.fuzzing import fuzz, instrumented

with instrumented("digits"):
    from digits.data import fetch, mnist
    from digits.errors import DataError

from tests.robustness import corpus, specimens


def attempt(raw: bytes) -> None:
    """Parse the bytes, raw and gunzipped. Any exception but DataError is a finding."""
    for unpacked in (False, True):
        try:
            plain = fetch.gunzip(raw, "fuzz") if unpacked else raw
            parsed = mnist.parse_idx(plain, "fuzz")
        except DataError:
            continue
        assert parsed.dtype == "uint8" and parsed.nbytes < len(plain)


def seeds() -> list[bytes]:
    """Return the specimens and some of their mutants."""
    files = specimens.idx()
    return [*files.values(), *(mutant for _, mutant in corpus.all_mutants(files, 20))]


if __name__ == "__main__":
    fuzz("idx", attempt, seeds)
