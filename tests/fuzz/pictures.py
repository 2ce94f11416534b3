"""All that a foreign picture passes on its way, but for the network."""

from tests.fuzz.fuzzing import fuzz, instrumented

with instrumented("digits", "PIL"):
    from digits.errors import PictureError
    from digits.terminal import quiet
    from digits.vision import ink, picture, single
    from digits.vision.frame import frame

from tests.hostile import corpus, specimens


def attempt(raw: bytes) -> None:
    """Read one picture. What is raised is a finding."""
    if raw.startswith(b"\x89PNG"):
        raw = specimens.with_checksums(raw)  # or hardly one would get further than that
    try:
        found = single.find(ink.extract(picture.load(raw).grey))
    except PictureError:
        return
    if isinstance(found, single.Found):
        for shape in found.shapes:
            frame(shape.ink)


def seeds() -> list[bytes]:
    """Specimens, and some of their mutants."""
    files = specimens.pictures()
    return [*files.values(), *(mutant for _, mutant in corpus.all_mutants(files, 5))]


if __name__ == "__main__":
    quiet()
    fuzz("pictures", attempt, seeds)
