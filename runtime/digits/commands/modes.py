"""What a command reads in pictures: the digit in each, all numbers, or the fields of a form."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from digits.errors import ModelError
from digits.prediction import Number, Prediction, Reading
from digits.system import cpu_count
from digits.text import escape_control

if TYPE_CHECKING:
    from digits.constraints.constraints import Constraints
    from digits.formats import Answer
    from digits.forms import Form, Sheet
    from digits.images.picture import GreyImage, Source
    from digits.recognize import Reader


class ModelPaths(NamedTuple):
    """The arguments of a Reader, which another process may open."""

    model: Path | str | None = None
    threshold: float | None = None
    detector: Path | None = None
    recognizer: Path | None = None
    threads: int = 1
    second_opinion: bool = False

    @property
    def files(self) -> tuple[Path | None, Path | None, bool]:
        """The files of the detector and the recognizer, and whether there is a second opinion."""
        return self.detector, self.recognizer, self.second_opinion

    def open(self, reads_numbers: bool) -> "Reader":
        """Open the networks that are needed, and a detector that was chosen.

        Raises ModelError if one can't be used.
        """
        from digits.inference.model_file import is_overridden
        from digits.recognize import Reader

        reader = Reader(**self._asdict())
        models = reader.models
        # They fail now, not at the first picture, or the first doubtful one of a thousand.
        if reads_numbers:
            _ = models.detector, models.recognizer, models.second_opinion
        else:
            _ = models.classifier
            if self.detector or is_overridden("detector"):
                _ = models.detector
        return reader


def choose_models(
    models: Sequence[Path] | None = None, reads_numbers: bool = True, second_opinion: bool = False
) -> ModelPaths:
    """Make the options of a Reader that uses all cores.

    models: at most one file of each kind: a detector, and a recognizer to read numbers or else a
        classifier.

    second_opinion: see `Reader`.

    Raises ModelError if they are others.
    """
    from digits.inference.metadata import ModelMetadata
    from digits.inference.model_file import load

    files = dict[str, Path]()
    for path in models or ():
        kind = load(path, ModelMetadata, sha256="").metadata.task
        if kind == "classifier" and reads_numbers:
            raise ModelError(f"{path} is a classifier: it reads pictures of one digit, not numbers")
        if kind == "recognizer" and not reads_numbers:
            raise ModelError(f"{path} is a recognizer: it reads numbers, not pictures of one digit")
        if kind in files:
            raise ModelError(f"{files[kind]} and {path} are both a {kind}: name one of each kind")
        files[kind] = path
    return ModelPaths(
        model=files.get("classifier"),
        detector=files.get("detector"),
        recognizer=files.get("recognizer"),
        threads=cpu_count(),
        second_opinion=second_opinion,
    )


@dataclass(frozen=True, kw_only=True)
class Mode(ABC):
    """What to read in pictures.

    batch: how many pictures share a run of the networks.
    reads_numbers: whether the recognizer is needed.
    drawing_format: "PNG" or "JPEG" if each answer is drawn, too.
    checksum: of the form, if one is read.
    """

    batch: ClassVar[int] = 1
    reads_numbers: ClassVar[bool] = True

    model_paths: ModelPaths = ModelPaths()
    drawing_format: str = ""
    checksum: str = ""

    @property
    @abstractmethod
    def keys(self) -> tuple[str, ...]:
        """The keys of an answer's JSON object."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns of an answer's rows in a table."""

    @abstractmethod
    def ask(self, reader: "Reader", sources: "Sequence[Source]") -> "Sequence[Answer]":
        """Read pictures. Raises PictureError for the first that can't be opened."""

    @abstractmethod
    def failure(self, error: str) -> "Answer":
        """Make the answer for a picture that can't be read."""

    def open(self, threads: int | None = None) -> "Reader":
        """Open the networks. Raises ModelError if one that is needed can't be used.

        threads: by default as many as the options say.
        """
        options = self.model_paths
        if threads:
            options = options._replace(threads=threads)
        return options.open(self.reads_numbers)

    def load(self, source: "Source") -> "GreyImage":
        """Load a picture as `ask` does, to draw on it. Raises PictureError."""
        from digits.images import picture

        return picture.load(source, picture.PAGE_MAX_SIDE)

    def draw(self, reader: "Reader", page: "GreyImage", answer: Any) -> bytes:
        """Draw an answer on its picture, in the drawings' format."""
        from digits import drawing

        return drawing.encode(drawing.annotate(page, answer.numbers), self.drawing_format)


@dataclass(frozen=True, kw_only=True)
class ReadDigit(Mode):
    """Read the digit in each picture. Drawings show what the network saw of it."""

    keys: ClassVar = Prediction.KEYS
    columns: ClassVar = Prediction.COLUMNS
    batch: ClassVar = 16
    reads_numbers: ClassVar = False

    def ask(self, reader: "Reader", sources: "Sequence[Source]") -> list[Prediction]:
        return reader.predict_batch(sources)

    def failure(self, error: str) -> Prediction:
        return Prediction(None, 0.1, (0.1,) * 10, (0, 0, 0, 0), "none", "unreadable", error)

    def load(self, source: "Source") -> "GreyImage":
        from digits.images import picture

        return picture.load(source, picture.DIGIT_MAX_SIDE)

    def draw(self, reader: "Reader", page: "GreyImage", answer: Any) -> bytes:
        from digits import drawing

        return drawing.encode(drawing.debug_strip(page, answer), self.drawing_format)


@dataclass(frozen=True, kw_only=True)
class ReadNumbers(Mode):
    """Read all numbers in each picture. constraints, max_errors: as for `Reader.read`."""

    keys: ClassVar = Reading.KEYS
    columns: ClassVar = Reading.COLUMNS

    constraints: "Constraints | None" = None
    max_errors: float | None = None

    def ask(self, reader: "Reader", sources: "Sequence[Source]") -> list[Reading]:
        return [reader.read(source, self.constraints, self.max_errors) for source in sources]

    def failure(self, error: str) -> Reading:
        return Reading(((Number("", 0.0, "none", "unreadable", "", "", ()),),))


@dataclass(frozen=True, kw_only=True)
class ReadForm(Mode):
    """Read the number in each field of a form's sheets. max_errors: as for `Reader.read`."""

    form: "Form"
    max_errors: float | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        from digits.forms import Sheet

        return Sheet.KEYS

    @property
    def columns(self) -> tuple[str, ...]:
        return self.form.columns

    def ask(self, reader: "Reader", sources: "Sequence[Source]") -> "list[Sheet]":
        return [reader.read_fields(source, self.form, self.max_errors) for source in sources]

    def failure(self, error: str) -> "Sheet":
        from digits.forms import Sheet

        return Sheet(self.form, (), "unreadable", escape_control(error))

    def load(self, source: "Source") -> "GreyImage":
        from digits.images import picture

        return picture.load(source, picture.SHEET_MAX_SIDE)

    def draw(self, reader: "Reader", page: "GreyImage", answer: Any) -> bytes:
        from digits import drawing
        from digits.forms import draw_sheet

        return drawing.encode(draw_sheet(page, answer), self.drawing_format)
