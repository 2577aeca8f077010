"""Whether a read-back says the promise in the lead's own words, or only repeats it or nods."""

import re

from services.chassis.errors import FieldError, Invalid
from services.handover.domain.promise import Promise, ReadBack

_WORD = re.compile(r"\w+")
# What people say yes and no with, in English, Danish, Norwegian and Swedish: it restates nothing.
_NODS = (
    "yes yep yeah no nope ok okay sure fine agreed agree accept accepted confirm confirmed understood noted read "
    "promise promised deal of course no problem we i do it that this will can is are am so the a to "
    "ja jo jepp jep nei nej joda jada greit fint klart naturligvis selvfølgelig selvsagt självklart "
    "enig enige overens godtatt godtar godkjent godkendt godkänt accepteret accepterer accepterar aksepterer "
    "forstått forstået förstått mottatt modtaget mottaget lest læst läst notert noteret noterat bekreftet "
    "bekræftet bekräftat lover lovar love lova vi jeg jag eg det den dette detta gør gjør gör gjer kan kommer "
    "skal ska vil er är fikser fixar ordner ordnar klarer klarar sker skjer"
)
_NODDING = frozenset(_NODS.split())
_FEWEST = 2


def require_own_words(read_back: ReadBack, promise: Promise) -> None:
    """Refuse with `Invalid` the promise's own words, and a word or two that say nothing of it."""
    words = _words(read_back.restated)
    if words == _words(promise.statement):
        raise Invalid(
            "The read-back repeats the promise.",
            errors=[
                FieldError("/restated", "Say it in your own words, not in those of the promise.")
            ],
        )
    if len(words) <= _FEWEST or sum(word not in _NODDING for word in words) < _FEWEST:
        raise Invalid(
            "The read-back does not say what is promised.",
            errors=[FieldError("/restated", "Say what the customer gets, in a sentence.")],
        )


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
