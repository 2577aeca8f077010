"""Characters that nobody sees: a text of them alone says nothing, whatever its length, and some change how the rest reads."""

from itertools import dropwhile, islice
from unicodedata import category

# Letters and symbols to Unicode, but drawn as nothing: Hangul fillers, and the braille pattern without a dot.
FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
# They turn the direction of what follows them on the page (Bidi_Control of Unicode): `gpj.exe` reads as `exe.jpg`.
TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp"})


def shows(text: str, least: int = 1) -> bool:
    """Whether at least so many characters are seen, from the first one on that is no space."""
    begun = dropwhile(lambda char: char.isspace() or not _is_seen(char), text)
    return len(list(islice(filter(_is_seen, begun), least))) == least


def turns(text: str) -> bool:
    """Whether something in the text turns its direction."""
    return not frozenset(TURNING).isdisjoint(text)


def _is_seen(char: str) -> bool:
    return char not in FILLERS and category(char) not in _INVISIBLE
