"""What is wrong in a file that was sent, and where: line and column, or JSON Pointer. All count from 1."""

from collections.abc import Sequence

from services.chassis.errors import FieldError, Invalid


class FileError(Invalid):
    """The file as a whole cannot be used; `errors` says where and why."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("The file cannot be used as it is", errors)


def file_problem(line: int, column: int | None, template: str, /, **params: object) -> FieldError:
    """One thing that is wrong in a file, at a line and, where it is known, a column."""
    return FieldError("", template, params, line, column, where="file")


def pointed_problem(pointer: str, line: int, template: str, /, **params: object) -> FieldError:
    """One thing that is wrong in a JSON file, by JSON Pointer and by the line on which its record begins."""
    return FieldError(pointer, template, params, line, where="file")
