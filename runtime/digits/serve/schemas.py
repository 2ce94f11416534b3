"""The JSON that the API takes and gives, as types.

msgspec validates requests by them and encodes answers; `openapi` makes their description.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field
from msgspec.json import schema


def _about(description: str, length: int | None = None, **more: Any) -> Meta:
    """Describe a field. length: of a list."""
    return Meta(description=description, min_length=length, max_length=length, **more)


Share = Annotated[float, Meta(ge=0, le=1)]
Pixels = list[Annotated[int, Meta(ge=0, le=255)]]
Row = Annotated[Pixels, Meta(min_length=28, max_length=28)]
Rows = Annotated[list[Row], _about("0 = paper, 255 = ink.", length=28, title="Frame")]
Frame = Annotated[
    Rows | None | UnsetType, _about("The network's input, if requested; null where there is none.")
]
File = Annotated[str, _about("The name in the form, or empty.")]
Box = Annotated[list[int], _about("Left, top, right, bottom in the upright picture.", length=4)]
IsBinary = Annotated[bool | UnsetType, _about("As bytes after the JSON.")]


class Error(Struct):
    """Why a request was refused, in the Open Inference Protocol."""

    error: str


class RefusedFile(Error):
    """Why one of several files was refused."""

    file: File


class Prediction(Struct):
    """The one digit of a picture, as the network reads it."""

    file: File
    digit: Annotated[Annotated[int, Meta(ge=0, le=9)] | None, _about("null if rejected.")]
    confidence: Annotated[Share, _about("The largest of the probabilities.")]
    probabilities: Annotated[list[Share], _about("Of 0, 1, … 9; they sum to 1.", length=10)]
    box: Box
    status: Literal["sure", "unsure", "several", "none", "blank"]
    note: Annotated[str, _about("A remark for people, or empty.")]
    frame: Frame = UNSET


class Symbol(Struct):
    """A digit, a minus or a decimal point of a page."""

    symbol: Annotated[str, _about("A digit, - or .")]
    confidence: Annotated[Share, _about("Its probability.")]
    probabilities: Annotated[list[Share], _about("Of 0, 1, … 9, minus and point.", length=12)]
    box: Box


class Number(Struct):
    """A number: accepted, to review as it may be wrong, or unreadable as no constraints fit."""

    text: Annotated[str, _about("The likeliest one, or empty if it is unreadable.")]
    probability: Annotated[Share, _about("That the text is right.")]
    status: Literal["accepted", "review", "unreadable"]
    second: Annotated[str, _about("The second-best text, or empty.")]
    free: Annotated[str, _about("What is read without constraints.")]
    box: Box
    line: Annotated[int, Meta(ge=1)]
    column: Annotated[int, Meta(ge=1)]
    symbols: Annotated[list[Symbol], _about("Of the text, or of `free` if it is unreadable.")]


class Reading(Struct):
    """All the digits, minus signs and decimal points of a picture."""

    file: File
    text: Annotated[str, _about("Two spaces between columns; ? behind a number to review.")]
    status: Literal["sure", "unsure", "blank"]
    numbers: Annotated[list[Number], _about("Line by line; empty if there is no digit.")]


class TensorParameters(Struct):
    """Parameters of a tensor."""

    binary_data_size: Annotated[
        Annotated[int, Meta(ge=0)] | UnsetType,
        _about("Bytes after the JSON that are this tensor, instead of data."),
    ] = UNSET


class InputTensor(Struct):
    """Digits, framed as MNIST's are."""

    name: Literal["images"]
    shape: Annotated[list[int], _about("n, 1, 28, 28", length=4)]
    datatype: Literal["UINT8"]
    parameters: TensorParameters = field(default_factory=TensorParameters)
    # Raw, as they may be nested, whatever the depth, which would take much memory as lists.
    data: Annotated[
        Raw | UnsetType,
        _about("The pixels, row by row: 0 = paper, 255 = ink.", extra_json_schema=schema(Pixels)),
    ] = UNSET


class OutputParameters(Struct, forbid_unknown_fields=True):
    """Parameters of a requested output."""

    binary_data: IsBinary = UNSET
    classification: Annotated[int, Meta(ge=1)] | UnsetType = UNSET  # how many digits to name


class WantedOutput(Struct):
    """A requested output tensor."""

    name: Literal["probabilities"]
    parameters: OutputParameters = field(default_factory=OutputParameters)


class RequestParameters(Struct):
    """Parameters of the whole request."""

    binary_data_output: IsBinary = UNSET


class InferRequest(Struct):
    """Digits to classify, in the Open Inference Protocol."""

    inputs: Annotated[list[InputTensor], Meta(min_length=1, max_length=1)]
    id: Annotated[str | None | UnsetType, _about("Comes back with the answer.")] = UNSET
    parameters: RequestParameters = field(default_factory=RequestParameters)
    outputs: list[WantedOutput] | UnsetType = UNSET


class _Output(Struct, tag_field="datatype"):
    name: Literal["probabilities"]
    shape: Annotated[list[int], _about("n, and how many values for each", length=2)]
    parameters: TensorParameters | UnsetType = UNSET


class OutputTensor(_Output, tag="FP32"):
    """Ten probabilities for each digit."""

    data: Annotated[list[Share] | UnsetType, _about("Of 0, 1, … 9, digit by digit.")] = UNSET


class ClassTensor(_Output, tag="BYTES"):
    """The most likely answers for each digit, if the request has a classification."""

    data: Annotated[list[str] | UnsetType, _about("The most likely first: 0.999600:1")] = UNSET


class InferResponse(Struct):
    """The answer to an InferRequest."""

    model_name: str
    model_version: str
    outputs: list[OutputTensor | ClassTensor]
    id: str | None | UnsetType = UNSET


TYPES = (Error, RefusedFile, Prediction, Reading, InferRequest, InferResponse)
