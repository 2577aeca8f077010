"""What a customer does not let us share is read at its handover and nowhere else: every GET of the document is asked.

Generated from the merged document, so that a new endpoint is held to it by being there.
"""

from typing import Any

import pytest

from tests.conftest import Person, Product, found_firm
from tests.handover.makers import made, voice
from tests.system.filled import Filled, filled
from tests.system.test_strangers import OPERATIONS, Operation, ask, bearer

# Nobody says these by accident; the last two would be found by a search in any language.
QUOTE, SAID_BY = "Grevlingkaffe smaker klokkeslett", "Ottilie Ormevenn"
WORDS = ("grevlingkaffe", "klokkeslett", "ottilie", "ormevenn")
# Where whoever reads the handover reads its voices.
AT_HOME = {"listCustomerVoices", "getCustomerVoice"}
# What a search or a filter by words is called.
ASKED_BY_WORDS = {"q", "query", "text", "search", "name"}


def requests_of(operation: Operation, everything: Filled) -> list[dict[str, Any]]:
    """As somebody asks, and once more for the very words where it takes some."""
    request = operation.request(everything)
    by_words = [
        {**request, "params": {**request["params"], name: word}}
        for name in operation.names("query")
        if name in ASKED_BY_WORDS
        for word in ("grevlingkaffe", "Ottilie")
    ]
    if "limit" in operation.names("query"):
        schema = next(
            parameter["schema"]
            for parameter in operation.described["parameters"]
            if parameter["name"] == "limit"
        )
        request["params"]["limit"] = schema["maximum"]
    return [request, *by_words]


async def told_by(everything: Filled, reader: Person) -> dict[str, str]:
    """The operations whose answers hold any of it, with their answers."""
    told = {}
    for operation in OPERATIONS:
        if operation.method != "GET" or operation.name in AT_HOME:
            continue
        for request in requests_of(operation, everything):
            answer = await ask(reader.client, request, bearer(reader.key))
            text = answer.content.decode("utf-8", "replace").lower()
            if any(word in text for word in WORDS):
                told[operation.name] = text
    return told


@pytest.fixture(scope="module")
async def everything(product: Product) -> Filled:
    """A firm with one of everything."""
    return await filled(await found_firm(product, "Nordlys"))


async def test_what_may_not_be_shared_is_nowhere_but_at_its_handover(everything: Filled) -> None:
    firm = everything.firm
    handover = {"id": everything.first("handover_id")}
    said = await voice(
        firm.learner, handover, quote=QUOTE, said_by=SAID_BY, csat=1, nps=0, phase="after"
    )
    path = f"/v1/handovers/{handover['id']}/customer-voices/{said['id']}"

    # Never shared; then shared and taken back; then corrected in between, and taken back.
    assert await told_by(everything, everything.everyone) == {}
    made(await firm.learner.patch(path, {"may_share": True}), 200)
    made(await firm.learner.patch(path, {"said_by": f"{SAID_BY} jr."}), 200)
    shared = await told_by(everything, everything.everyone)
    assert "listEvents" not in shared
    made(await firm.trainer.patch(path, {"may_share": False}), 200)
    assert await told_by(everything, everything.everyone) == {}
    assert await told_by(everything, firm.learner) == {}

    # Deleted, it is not even there.
    assert QUOTE in (await firm.lead.get(path)).text
    assert (await firm.learner.delete(path)).status_code == 204
    assert await told_by(everything, everything.everyone) == {}
    page = await firm.lead.get(f"/v1/handovers/{handover['id']}/customer-voices", limit=200)
    assert QUOTE not in page.text


async def test_the_question_would_find_it(everything: Filled) -> None:
    """The looking itself: at home the words are found, so that finding nothing elsewhere says something."""
    firm = everything.firm
    handover = {"id": everything.first("handover_id")}
    await voice(firm.learner, handover, quote=QUOTE, said_by=SAID_BY)
    [at_home] = [o for o in OPERATIONS if o.name == "listCustomerVoices"]
    answers = [
        (await ask(firm.lead.client, request, bearer(firm.lead.key))).text.lower()
        for request in requests_of(at_home, everything)
    ]
    assert all(word in answers[0] for word in WORDS)
