"""The JSON that the API takes and gives, as types.

mypy holds the code that makes answers to them; `openapi` makes the description of them. Only the
latter imports this module while the server runs: pydantic costs memory that no request needs.
"""

from typing import Annotated, Literal, NotRequired

from annotated_types import Len
from pydantic import ConfigDict, Field
from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

from digits.inference.interface import INPUT, OUTPUT
from digits.inference.metadata import Metadata

_OPEN = ConfigDict(extra="allow")

Share = Annotated[float, Field(ge=0, le=1)]
Pixel = Annotated[int, Field(ge=0, le=255)]
Frame = Annotated[
    list[Annotated[list[Pixel], Len(28, 28)]],
    Len(28, 28),
    Field(title="Frame", description="28 rows of 28 pixels: 0 = paper, 255 = ink."),
]


class Error(TypedDict):
    """Why a request was refused, in the Open Inference Protocol."""

    error: Annotated[str, Field(description="One message.")]


_BOX = Field(
    description="Left, top, right and bottom in the picture's own pixels, upright.",
    examples=[[60, 40, 220, 240]],
)


class Prediction(TypedDict):
    """The one digit of a picture, as the network reads it."""

    file: Annotated[str, Field(description="The name in the form, or empty.", examples=["7.png"])]
    digit: Annotated[
        Annotated[int, Field(ge=0, le=9)] | None,
        Field(description="null if rejected.", examples=[7]),
    ]
    confidence: Annotated[
        Share, Field(description="The largest of the probabilities.", examples=[0.9984])
    ]
    probabilities: Annotated[
        list[Share],
        Len(10, 10),
        Field(
            description="Of 0, 1, … 9; they sum to 1.",
            examples=[[0.0, 0.0, 0.0001, 0.0, 0.0, 0.0, 0.0, 0.9984, 0.0, 0.0015]],
        ),
    ]
    box: Annotated[list[int], Len(4, 4), _BOX]
    frame: NotRequired[
        Annotated[
            Frame | None,
            Field(description="The network's input, if requested; null for a blank picture."),
        ]
    ]
    note: Annotated[str, Field(description="A remark for people, or empty.", examples=[""])]


class Symbol(TypedDict):
    """A digit, a minus or a decimal point of a page."""

    symbol: Annotated[
        Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "-", "."] | None,
        Field(description="null if rejected; a decimal comma is a point.", examples=["7"]),
    ]
    confidence: Annotated[
        Share, Field(description="The largest of the probabilities.", examples=[0.9984])
    ]
    probabilities: Annotated[
        list[Share],
        Len(12, 12),
        Field(
            description="Of 0, 1, … 9, minus and point; the rest to 1 is that of nothing.",
            examples=[[0.0, 0.0, 0.0001, 0.0, 0.0, 0.0, 0.0, 0.9984, 0.0, 0.0005, 0.0, 0.0]],
        ),
    ]
    box: Annotated[list[int], Len(4, 4), _BOX]


class Line(TypedDict):
    """A line: its columns from left to right, in each its symbols."""

    text: Annotated[
        str,
        Field(
            description="? for a rejected symbol; two spaces between columns.",
            examples=["7"],
        ),
    ]
    columns: list[list[Symbol]]


class Reading(TypedDict):
    """All the digits, minus signs and decimal points of a picture."""

    file: Annotated[str, Field(description="The name in the form, or empty.", examples=["7.png"])]
    text: Annotated[str, Field(description="The text of all lines.", examples=["7"])]
    lines: Annotated[list[Line], Field(description="From top to bottom.")]


class InputParameters(TypedDict, total=False):
    """Parameters of an input tensor."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    binary_data_size: Annotated[
        int, Field(ge=0, description="Bytes after the JSON that are this tensor, instead of data.")
    ]


class InputTensor(TypedDict):
    """Digits, framed as MNIST's are."""

    name: Literal["images"]
    shape: Annotated[
        list[int], Len(4, 4), Field(description="n, 1, 28, 28", examples=[[1, 1, 28, 28]])
    ]
    datatype: Literal["UINT8"]
    parameters: NotRequired[InputParameters]
    data: NotRequired[
        Annotated[
            list[Pixel],
            Field(
                description="The pixels, row by row: 0 = paper, 255 = ink.",
                examples=[[255 if column == 14 else 0 for _ in range(28) for column in range(28)]],
            ),
        ]
    ]


class OutputParameters(TypedDict, total=False):
    """Parameters of a requested output."""

    binary_data: Annotated[bool, Field(description="As bytes after the JSON.")]


class WantedOutput(TypedDict):
    """A requested output tensor."""

    name: Literal["probabilities"]
    parameters: NotRequired[OutputParameters]


class RequestParameters(TypedDict, total=False):
    """Parameters of the whole request."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    binary_data_output: Annotated[bool, Field(description="As bytes after the JSON.")]


class InferRequest(TypedDict):
    """Digits to classify, in the Open Inference Protocol."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    id: NotRequired[Annotated[str, Field(description="Comes back with the answer.")]]
    parameters: NotRequired[RequestParameters]
    inputs: Annotated[list[InputTensor], Len(1, 1)]
    outputs: NotRequired[list[WantedOutput]]


class BinaryParameters(TypedDict):
    """Parameters of an output tensor that is sent as bytes."""

    binary_data_size: Annotated[int, Field(description="The size of its bytes after the JSON.")]


class OutputTensor(TypedDict):
    """Ten probabilities for each digit."""

    name: Literal["probabilities"]
    shape: Annotated[list[int], Len(2, 2), Field(description="n, 10", examples=[[1, 10]])]
    datatype: Literal["FP32"]
    parameters: NotRequired[BinaryParameters]
    data: NotRequired[
        Annotated[
            list[Share],
            Field(
                description="Of 0, 1, … 9, digit by digit.",
                examples=[[0.0, 0.9996, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0004, 0.0, 0.0]],
            ),
        ]
    ]


class InferResponse(TypedDict):
    """The answer to an InferRequest."""

    model_name: Annotated[str, Field(examples=["lenet5"])]
    model_version: Annotated[str, Field(examples=["1"])]
    id: NotRequired[str]
    outputs: list[OutputTensor]


class TensorDescription(TypedDict):
    """The name, type and shape of a tensor; -1 is any length."""

    name: str
    datatype: str
    shape: list[int]


class ModelDescription(TypedDict):
    """The model, with its file's metadata as parameters."""

    name: Annotated[str, Field(examples=["lenet5"])]
    versions: Annotated[list[str], Field(examples=[["1"]])]
    platform: str
    inputs: list[TensorDescription]
    outputs: list[TensorDescription]
    parameters: Metadata


class ServerDescription(TypedDict):
    """The server."""

    name: Annotated[str, Field(examples=["digits"])]
    version: str
    extensions: list[str]


class Live(TypedDict):
    """Whether the server is alive."""

    live: bool


class Ready(TypedDict):
    """Whether the server is ready."""

    ready: bool


class ModelReady(TypedDict):
    """Whether the model is ready."""

    name: Annotated[str, Field(examples=["lenet5"])]
    ready: bool


MODELS: tuple[type, ...] = (
    *(Error, Prediction, Reading, InferRequest, InferResponse),
    *(ServerDescription, ModelDescription, Live, Ready, ModelReady),
)

# mypy can't take a literal from a value; the wire's names belong to the graph.
assert (INPUT[0], OUTPUT[0]) == ("images", "probabilities")
