"""Message texts in the reader's language: English in the code, da, nb and sv from catalogs beside it."""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from babel.messages.pofile import read_po

from services.chassis.errors import Message

Language = Literal["en", "da", "nb", "sv"]

# What a reader may ask for, and what they get; Norwegian in any form is Bokmål.
_SPOKEN: Final[Mapping[str, Language]] = {
    "en": "en",
    "da": "da",
    "nb": "nb",
    "no": "nb",
    "nn": "nb",
    "sv": "sv",
}
# Parameters that are codes, though they come as text.
_CODES: Final = frozenset({"thing"})
_CATALOGS: Final = Path(__file__).parent.parent / "locales"


@lru_cache(maxsize=1024)
def negotiate(accept_language: str | None) -> Language:
    """The best language for an `Accept-Language` header (RFC 9110, 12.5.4); English if none fits."""
    wishes: list[tuple[float, Language]] = []
    for part in (accept_language or "").split(","):
        tag, _, weight = part.partition(";")
        language = _SPOKEN.get(tag.strip().partition("-")[0].lower())
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
        except ValueError:
            continue
        if language is not None and quality > 0:
            wishes.append((quality, language))
    return max(wishes, key=lambda wish: wish[0])[1] if wishes else "en"


@lru_cache(maxsize=4)
def catalog(language: Language) -> Mapping[str, str]:
    """English template → template in `language`."""
    if language == "en":
        return {}
    with (_CATALOGS / f"{language}.po").open("rb") as file:
        messages = read_po(file, locale=language)
    return {str(entry.id): str(entry.string) for entry in messages if entry.id and entry.string}


def translate(language: Language, template: str, params: Mapping[str, object] | None = None) -> str:
    """The text of a message template for a reader; an untranslated one stays English."""
    text = catalog(language).get(template, template)
    if not params:
        return text
    return text.format(**{name: _told(language, name, value) for name, value in params.items()})


def word_for(language: Language, code: str) -> str:
    """What a state, a move, a role or a kind of thing is called; a code that has no word is told as it is written."""
    words = code.replace("_", " ")
    return catalog(language).get(words, words)


def _told(language: Language, name: str, value: object) -> object:
    """A parameter as a reader is told it."""
    match value:
        case Message():
            return translate(language, value.template, value.params)
        case StrEnum():
            return word_for(language, value.value)
        case tuple():
            return " / ".join(str(_told(language, name, one)) for one in value)
        case str() if name in _CODES:
            return word_for(language, value)
        case _:
            return value
