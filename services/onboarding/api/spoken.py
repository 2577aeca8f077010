"""Texts of our own for a reader: sentences beside codes, and the reasons that Stafett itself wrote down; within the statement."""

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Text, bindparam, cast, func
from sqlalchemy.dialects.postgresql import JSONB

from services.chassis.errors import FieldError, Message
from services.chassis.language import Language, translate
from services.onboarding.domain.following import INACTIVE, LEFT
from services.onboarding.domain.go_live_dates import CANCELLED
from services.onboarding.domain.handover_training import CALLED_OFF, TAKEN_OFF

_words = bindparam("words", type_=Text)
# A read takes the texts as a condition that always holds.
WITH_WORDS = {"words": _words.is_not(None)}
_OWN_REASONS = {one.template: one for one in (LEFT, INACTIVE, CANCELLED, TAKEN_OFF, CALLED_OFF)}


def sentence_for(code: ColumnElement[Any]) -> ColumnElement[str]:
    """The text that `words` holds for a code, in SQL; the code itself where it holds none."""
    told = cast(code, Text)
    return func.coalesce(cast(_words, JSONB)[told].astext, told)


def words(language: Language, texts: Mapping[str, Message | FieldError]) -> str:
    """The texts for each code in the reader's language, as the parameter `words` of a read."""
    spoken = {code: translate(language, one.template, one.params) for code, one in texts.items()}
    return orjson.dumps(spoken).decode()


def own_reasons(language: Language) -> str:
    """The reasons that nobody but Stafett gave, as the parameter `words` of a read."""
    return words(language, _OWN_REASONS)


def reason_for(language: Language, reason: str | None) -> str | None:
    """A reason for a reader: what somebody wrote as it stands, ours in their language."""
    own = _OWN_REASONS.get(reason or "")
    return reason if own is None else translate(language, own.template)
