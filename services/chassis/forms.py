"""The forms of an answer: which one an `Accept` header asks for, and what a file of it is called."""

import re
import unicodedata
from collections.abc import Collection
from urllib.parse import quote

from services.chassis.errors import NotAcceptable


def preferred(accept: str | None, forms: Collection[str]) -> str:
    """The form that an `Accept` header asks for most (RFC 9110, 12.5.1), the first of those alike; raises `NotAcceptable`."""
    ranges = [_range(part) for part in (accept or "*/*").split(",")]
    best, most = "", 0.0
    for form in forms:
        # Of the ranges that fit, the most specific one decides.
        fitting = [
            (specific, quality)
            for name, specific, quality in ranges
            if name in (form, form.partition("/")[0] + "/*", "*/*")
        ]
        quality = max(fitting)[1] if fitting else 0.0
        if quality > most:
            best, most = form, quality
    if not best:
        raise NotAcceptable("It is there as {forms}.", forms=", ".join(forms))
    return best


def _range(part: str) -> tuple[str, int, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 0.0
    specific = 0 if name == "*/*" else 1 if name.endswith("/*") else 2
    return name, specific, quality if 0 <= quality <= 1 else 0.0


_LETTERS = str.maketrans(
    {"æ": "ae", "ø": "o", "å": "a", "Æ": "Ae", "Ø": "O", "Å": "A", "ß": "ss", "ð": "d", "þ": "th"}
)


def disposition(title: str, ending: str, otherwise: str) -> str:
    """A `Content-Disposition` (RFC 6266, RFC 8187) whose file name keeps its letters where they are understood."""
    name = re.sub(r'[\s/\\:*?"<>|%\x00-\x1f\x7f]+', " ", title).strip(" .")[:100] or otherwise
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS)).encode("ascii", "ignore")
    fallback = plain.decode().strip(" .") or otherwise
    return (
        f'inline; filename="{fallback}.{ending}"; '
        f"filename*=UTF-8''{quote(f'{name}.{ending}', safe='')}"
    )
