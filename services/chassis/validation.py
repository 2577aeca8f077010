"""What Pydantic finds wrong, in our words, which are translated."""

import re
from collections.abc import Mapping
from typing import Any

from services.chassis.errors import FieldError, Unfit
from services.chassis.fields import ONE_LINE, PRINTABLE

# Pydantic's error types in our words, which are translated; for others its own words stand.
_WORDS = {
    "missing": "This is required.",
    "json_invalid": "It is not JSON.",
    "extra_forbidden": "This field does not exist.",
    "string_too_short": "It must have at least {min_length} characters.",
    "string_too_long": "It must have at most {max_length} characters.",
    "string_pattern_mismatch": "It does not have the form that is asked for.",
    "string_type": "It must be text.",
    "string_unicode": "It must be valid Unicode.",
    "int_parsing": "It must be a whole number.",
    "int_parsing_size": "It is too large.",
    "int_type": "It must be a whole number.",
    "int_from_float": "It must be a whole number.",
    "bool_parsing": "It must be true or false.",
    "bool_type": "It must be true or false.",
    "uuid_parsing": "It must be a UUID.",
    "uuid_type": "It must be a UUID.",
    "enum": "It must be one of {expected}.",
    "literal_error": "It must be one of {expected}.",
    "greater_than_equal": "It must be at least {ge}.",
    "less_than_equal": "It must be at most {le}.",
    "greater_than": "It must be more than {gt}.",
    "less_than": "It must be less than {lt}.",
    "float_parsing": "It must be a number.",
    "float_type": "It must be a number.",
    "decimal_parsing": "It must be a number, written as text.",
    "decimal_type": "It must be a number, written as text.",
    "finite_number": "It must be a number, not infinity.",
    "decimal_max_digits": "It must have at most {max_digits} digits.",
    "decimal_max_places": "It must have at most {decimal_places} decimals.",
    "decimal_whole_digits": "It must have at most {whole_digits} digits before the decimal mark.",
    "union_tag_not_found": "It must say its {discriminator}.",
    "union_tag_invalid": "Its {discriminator} must be one of {expected_tags}.",
    "date_from_datetime_parsing": "It must be a date such as 2026-11-22.",
    "date_from_datetime_inexact": "It must be a date such as 2026-11-22.",
    "date_parsing": "It must be a date such as 2026-11-22.",
    "date_type": "It must be a date such as 2026-11-22.",
    "timezone_aware": "It must say its offset from UTC, such as 2026-11-22T09:00:00+01:00.",
    "datetime_parsing": "It must be a moment such as 2026-11-22T09:00:00+01:00.",
    "datetime_from_date_parsing": "It must be a moment such as 2026-11-22T09:00:00+01:00.",
    "datetime_type": "It must be a moment such as 2026-11-22T09:00:00+01:00.",
    "list_type": "It must be a list.",
    "too_long": "It must have at most {max_length} entries.",
    "too_short": "It must have at least {min_length} entries.",
    "model_attributes_type": "It must be a JSON object.",
    "model_type": "It must be a JSON object.",
    "dict_type": "It must be a JSON object.",
}

# For the patterns that stand for a rule that people know.
_WORDS_OF_PATTERN = {
    PRINTABLE: "It must not hold control characters.",
    ONE_LINE: "It must be on one line, without control characters and without those that turn its direction.",
}

_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")


def field_error(error: Mapping[str, Any], pointer: str, where: str) -> FieldError:
    """One of Pydantic's errors in our words: those of its type, or what our validator said."""
    context = error.get("ctx", {})
    said = context.get("error")
    if where == "body" and not pointer and isinstance(error.get("input"), bytes):
        return FieldError(pointer, "Send it as Content-Type: application/json.", where=where)
    if isinstance(said, Unfit):
        return FieldError(pointer, said.template, said.params, where=where)
    if context.get("pattern") in _WORDS_OF_PATTERN:
        return FieldError(pointer, _WORDS_OF_PATTERN[context["pattern"]], where=where)
    if error["type"] in _WORDS:
        # Its lists are English: 'a', 'b' or 'c'.
        params = {
            name: _listed(value) if isinstance(value, str) else value
            for name, value in context.items()
            if name != "error"
        }
        return FieldError(pointer, _WORDS[error["type"]], params, where=where)
    if error["type"] == "value_error" and "Expected UploadFile" in error["msg"]:
        return FieldError(pointer, "Send a file here, with its file name.", where=where)
    if error["type"] == "value_error" and "valid email" in error["msg"]:
        return FieldError(pointer, "This is not a valid e-mail address.", where=where)
    return FieldError(
        pointer, "{reason}", {"reason": error["msg"].removeprefix("Value error, ")}, where=where
    )


def _listed(expected: str) -> str:
    """Pydantic's list of values without English words, and without Python's names for what has a name."""
    return _MEMBER.sub(r"\1", expected).replace("' or '", "', '")
