"""What a customer said: who may write it down otherwise, share it, and take it back."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.chassis.caller import Caller, Role
from services.chassis.errors import Forbidden, Invalid
from services.handover.domain.customer_voice import CustomerVoice
from services.handover.domain.handover import EngagementType, Handover
from services.handover.domain.log import Phase
from services.handover.domain.past import require_past

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
FIRM = uuid4()


def person(*roles: Role, id: UUID | None = None) -> Caller:
    return Caller(FIRM, id or uuid4(), "Somebody", frozenset(roles))


AUTHOR, SELLER, LEAD, OTHER = person(), person(Role.seller), person(Role.delivery), person()
MANAGER = person(Role.manager)
HANDOVER = Handover(
    organization_id=FIRM,
    customer_id=uuid4(),
    title="Tills",
    engagement_type=EngagementType.fixed_price,
    seller_id=SELLER.person_id,
    delivery_lead_id=LEAD.person_id,
)


def voice(**fields: Any) -> CustomerVoice:
    given = {"quote": "It works.", **fields}
    return CustomerVoice(
        organization_id=FIRM,
        handover_id=HANDOVER.id,
        author_id=AUTHOR.person_id,
        phase=Phase.during,
        said_at=NOW,
        **given,
    )


def test_a_voice_is_not_shared_unless_somebody_says_that_the_customer_allows_it() -> None:
    assert not voice().may_share


@pytest.mark.parametrize("said", [{"csat": 4}, {"nps": 0}, {"quote": "Fine."}])
def test_one_of_rating_and_quote_is_enough(said: dict[str, Any]) -> None:
    voice(**{"quote": None, **said}).check_sound()


def test_a_voice_that_says_nothing_is_none() -> None:
    with pytest.raises(Invalid, match="says something"):
        voice(quote=None).check_sound()
    with pytest.raises(Invalid, match="says something"):
        voice().revise({"quote": None}, HANDOVER, AUTHOR)


@pytest.mark.parametrize("caller", [AUTHOR, MANAGER])
def test_its_author_and_managers_correct_it(caller: Caller) -> None:
    heard = voice()
    heard.revise({"quote": "It works now."}, HANDOVER, caller)
    assert heard.quote == "It works now."


@pytest.mark.parametrize("caller", [SELLER, LEAD, OTHER])
def test_nobody_else_changes_what_the_customer_said(caller: Caller) -> None:
    with pytest.raises(Forbidden):
        voice().revise({"quote": "It is wonderful."}, HANDOVER, caller)
    with pytest.raises(Forbidden):
        voice().require_keeper(caller)


@pytest.mark.parametrize("caller", [AUTHOR, MANAGER, SELLER, LEAD])
def test_whoever_answers_for_it_shares_it(caller: Caller) -> None:
    heard = voice()
    heard.revise({"may_share": True}, HANDOVER, caller)
    assert heard.may_share


def test_others_do_not_share_it_but_anybody_takes_it_back() -> None:
    with pytest.raises(Forbidden):
        voice().revise({"may_share": True}, HANDOVER, OTHER)
    shared = voice(may_share=True)
    shared.revise({"may_share": True}, HANDOVER, OTHER)
    shared.revise({"may_share": False}, HANDOVER, OTHER)
    assert not shared.may_share


def test_what_has_not_happened_yet_is_refused_but_clocks_may_differ() -> None:
    require_past("/said_at", NOW + timedelta(minutes=5), NOW)
    with pytest.raises(Invalid) as caught:
        require_past("/said_at", NOW + timedelta(minutes=6), NOW)
    assert [error.pointer for error in caught.value.errors] == ["/said_at"]
