"""Fuzz the image pipeline, from bytes to the network's input."""

from tests.fuzz.fuzzing import fuzz, instrumented

with instrumented("digits", "PIL"):
    from digits.errors import PictureError
    from digits.images import picture
    from digits.terminal import silence_pillow
    from digits.vision.frame import to_mnist
    from digits.vision.hypotheses import propose

from tests.robustness import corpus, specimens


def attempt(raw: bytes) -> None:
    """Process one image. Any exception but PictureError is a finding."""
    if raw.startswith(b"\x89PNG"):
        raw = specimens.with_checksums(raw)  # almost all mutants would fail the checksums
    try:
        grey = picture.load(raw).pixels
    except PictureError:
        return
    to_mnist([hypothesis.component.ink for hypothesis in propose(grey)])


def seeds() -> list[bytes]:
    """Return the specimens and some of their mutants."""
    files = specimens.pictures()
    return [*files.values(), *(mutant for _, mutant in corpus.all_mutants(files, 5))]


if __name__ == "__main__":
    silence_pillow()
    fuzz("pictures", attempt, seeds)
