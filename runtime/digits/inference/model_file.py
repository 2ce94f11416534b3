"""Find and verify a model file, without opening it in onnxruntime."""

import hashlib
import os
from typing import Generic, NamedTuple

from digits.errors import ModelError
from digits.inference import metadata
from digits.inference.metadata import M, NetworkTask
from digits.system import environment_variable

_MAX_BYTES = 128 << 20

_FOLDER = os.path.dirname(__file__)
BUNDLED = os.path.join(_FOLDER, "lenet5.int8.onnx")
BUNDLED_DETECTOR = os.path.join(_FOLDER, "detector.int8.onnx")
BUNDLED_RECOGNIZER = os.path.join(_FOLDER, "recognizer.int8.onnx")
_BUNDLED_FILES: dict[NetworkTask, str] = {
    "classifier": BUNDLED,
    "detector": BUNDLED_DETECTOR,
    "recognizer": BUNDLED_RECOGNIZER,
}
# The variable that names another file; with _SHA256 behind it, the one that pins the file.
_VARIABLES: dict[NetworkTask, str] = {
    "classifier": "DIGITS_MODEL",
    "detector": "DIGITS_DETECTOR",
    "recognizer": "DIGITS_RECOGNIZER",
}


def is_overridden(task: NetworkTask) -> bool:
    """Whether a variable says which file to use for a task."""
    name = _VARIABLES[task]
    return bool(environment_variable(name) or environment_variable(f"{name}_SHA256"))


class ModelBytes(NamedTuple):
    """A model file in memory, for worker processes to open. name: where it came from."""

    name: str
    content: bytes


ModelSource = str | os.PathLike[str] | ModelBytes | None


class ModelFile(NamedTuple, Generic[M]):
    """A verified file, for `session.open_model`."""

    name: str
    content: bytes
    metadata: M

    @property
    def sha256(self) -> str:
        """The checksum of the whole file."""
        return hashlib.sha256(self.content).hexdigest()


def load(path: ModelSource, kind: type[M], sha256: str | None = None) -> ModelFile[M]:
    """Read and verify a file.

    path: by default $DIGITS_MODEL, $DIGITS_DETECTOR or $DIGITS_RECOGNIZER, as the kind is, else the
    bundled file.
    kind: the metadata that it must have; ModelMetadata takes any.
    sha256: the checksum of the only file to accept, or empty for any; by default the variable with
    _SHA256 in its name.

    Raises ModelError if the file is missing, damaged, not ours or not the pinned one, and WrongTask
    if it is of another kind.
    """
    task: NetworkTask = getattr(kind, "task", "classifier")
    source = path if isinstance(path, ModelBytes) else read_file(path, task)
    name, content = _origin(source.name, task), source.content
    metadata.verify_checksum(content, name)
    parsed = metadata.parse(metadata.read_pairs(content, name), name, kind)
    pinned = environment_variable(f"{_VARIABLES[parsed.task]}_SHA256") if sha256 is None else sha256
    file = ModelFile(source.name, content, parsed)
    if pinned and file.sha256 != pinned.lower():
        raise ModelError(
            f"{file.name} is the wrong model: its SHA-256 is {file.sha256}, not {pinned}"
        )
    return file


def read_file(
    path: str | os.PathLike[str] | None = None, task: NetworkTask = "classifier"
) -> ModelBytes:
    """Read a model file into memory, so that it can be opened after it has changed on disk.

    path: by default what the task's variable names, else its bundled file. Raises ModelError if it
    can't be read.
    """
    default = environment_variable(_VARIABLES[task]) or _BUNDLED_FILES[task]
    name = os.fspath(default if path is None else path)
    if not name:  # a script's unset variable, for example
        raise ModelError("'' is not a file name")
    if not os.path.exists(name):
        raise ModelError(f"{_origin(name, task)}: no such model")
    if not os.path.isfile(name):
        hint = "name one, or make one with `digits export`"
        raise ModelError(f"{_origin(name, task)} is no ONNX file: {hint}")
    try:
        with open(name, "rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ModelError(f"can't read {name}: {error.strerror}") from error
    if len(content) > _MAX_BYTES:
        raise ModelError(f"{name} is larger than any model that digits makes")
    return ModelBytes(name, content)


def _origin(name: str, task: NetworkTask) -> str:
    """A file's name, for errors, with the variable that it comes from."""
    named_by = _VARIABLES[task]
    return f"{name} (${named_by})" if os.environ.get(named_by) == name else name
