"""What networks learn: to classify digits, to find the symbols of a page, or to read a number."""

from typing import Any

from digits_train.tasks.classification import Classification
from digits_train.tasks.detection import Detection
from digits_train.tasks.recognition import Recognition
from digits_train.tasks.task import Task

__all__ = ["TASKS", "Classification", "Detection", "Recognition", "Task"]

TASKS: dict[str, type[Task[Any]]] = {
    "classifier": Classification,
    "detector": Detection,
    "recognizer": Recognition,
}
