"""A read-back is in the lead's own words."""

import pytest

from services.chassis.errors import Invalid
from services.handover.domain.promise import Promise, ReadBack
from services.handover.domain.restating import require_own_words

PROMISE = Promise(statement="All 42 shops take cards on the first day.")


@pytest.mark.parametrize(
    "restated",
    [
        "All 42 shops take cards on the first day.",
        "  ALL 42 shops, take cards\non the first day!",
        "ok",
        "Yes, we do.",
        "Of course we will do that.",
        "Understood and accepted",
        "We do it.",
        "Ja, det gør vi.",
        "Det lover vi",
        "Ja, det fikser vi!",
        "Självklart, det ordnar vi",
        "Ja, vi kan.",
        "42 shops",
        "OK, shops.",
    ],
)
def test_neither_the_promise_again_nor_a_nod_restates_anything(restated: str):
    with pytest.raises(Invalid) as refused:
        require_own_words(ReadBack(restated=restated), PROMISE)
    assert [error.pointer for error in refused.value.errors] == ["/restated"]


@pytest.mark.parametrize(
    "restated",
    [
        "On day one a customer in any of the 42 shops can pay by card.",
        "All 42 shops take cards on the first day, the last one tested the evening before.",
        "Kort i alle 42 butikker fra åpningsdagen.",
        "Alle butikker tager imod kort.",
        "Kortbetalning i varje butik första dagen",
        "Done by Friday.",
    ],
)
def test_whatever_says_it_otherwise_will_do(restated: str):
    require_own_words(ReadBack(restated=restated), PROMISE)
