"""Search through the gateway: found as it is written, by everybody of the organization and nobody else."""

from typing import Any

import pytest

from services.handover.domain.search import SearchKind
from tests.conftest import Firm, Person
from tests.handover.makers import (
    answer,
    customer,
    draft,
    estimate,
    logged,
    made,
    promise,
    question,
    stakeholder,
)


async def hits(person: Person, q: str, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made(await person.get("/v1/search", q=q, **params), 200)["items"]
    return found


async def found(person: Person, q: str, **params: Any) -> list[str]:
    """The kinds of what is found."""
    return [hit["kind"] for hit in await hits(person, q, **params)]


def marked(hit: dict[str, Any]) -> list[str]:
    """What is marked in the excerpt."""
    return [part["text"] for part in hit["excerpt"] if part["match"]]


@pytest.mark.parametrize(
    ("language", "written", "asked", "shown"),
    [
        (
            "da",
            "Kunden har lovet, at butikkerne får de nye kasser efter påske.",
            "butik",
            "butikkerne",
        ),
        (
            "nb",
            "Kunden har lovet at butikkene får de nye kassene etter påske.",
            "butikk",
            "butikkene",
        ),
        ("sv", "Kunden har lovat att butikerna får de nya kassorna.", "butik", "butikerna"),
        ("en", "The customer has promised that the shops will get new tills.", "shop", "shops"),
    ],
)
async def test_a_word_is_found_in_any_of_its_forms(
    firm: Firm, language: str, written: str, asked: str, shown: str
) -> None:
    handover = await draft(firm)
    entry = await logged(firm.seller, handover, text=written)
    [hit] = await hits(firm.learner, asked)
    assert hit["kind"] == "log_entry"
    assert hit["id"] == entry["id"]
    assert hit["path"] == f"/v1/handovers/{handover['id']}/log/{entry['id']}"
    assert hit["handover_title"] == handover["title"]
    assert hit["languages"] == [language]
    assert marked(hit) == [shown]
    assert "".join(part["text"] for part in hit["excerpt"]) == written


async def test_everything_that_is_written_down_is_found(firm: Firm) -> None:
    buyer = await customer(firm.seller, name="Zanzibar Retail")
    handover = await draft(
        firm,
        customer_id=buyer["id"],
        title="Zanzibar tills",
        out_of_scope="Nothing of Zanzibar Online.",
    )
    await stakeholder(firm, handover, name="Zanzibar Jones")
    await promise(firm, handover, done_when="The board of Zanzibar says so.")
    await estimate(firm, handover, item="The tills of Zanzibar")
    await logged(firm.lead, handover, text="Called Zanzibar.")
    asked = await question(firm.lead, handover, text="Who answers for Zanzibar?")
    await answer(firm.seller, asked, "Zanzibar does.")
    kinds = sorted(kind.value for kind in SearchKind)
    assert sorted(await found(firm.learner, "zanzibar")) == kinds
    for kind in kinds:
        assert await found(firm.learner, "zanzibar", kind=kind) == [kind]
    for hit in await hits(firm.learner, "zanzibar"):
        assert (await firm.learner.get(hit["path"])).status_code == 200
        assert marked(hit)[0] == "Zanzibar"


async def test_a_heading_counts_more_than_what_stands_below_it(firm: Firm) -> None:
    titled = await draft(firm, title="Loyalty cards")
    await draft(firm, title="Tills", situation="They also want loyalty, one day.")
    assert next(hit["id"] for hit in await hits(firm.seller, "loyalty")) == titled["id"]


async def test_a_change_is_found_at_once_and_what_it_replaced_is_not(firm: Firm) -> None:
    handover = await draft(firm, title="Papaya")
    path = f"/v1/handovers/{handover['id']}"
    made(await firm.seller.patch(path, {"title": "Mango tills"}), 200)
    assert await found(firm.seller, "papaya") == []
    assert await found(firm.seller, "mango") == ["handover"]
    given = await promise(firm, handover, statement="Guava on every till.")
    assert await found(firm.seller, "guava") == ["promise"]
    await firm.seller.delete(f"{path}/promises/{given['id']}")
    assert await found(firm.seller, "guava") == []


async def test_nobody_else_finds_it(firm: Firm, stranger: Person) -> None:
    await draft(firm, title="Zeppelin")
    assert await found(firm.learner, "zeppelin") == ["handover"]
    assert await found(stranger, "zeppelin") == []


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("Ålesund Havn", ["Ålesund", "ålesund", "alesund", "aalesund", "ÅLESUND"]),
        ("Aarhus Festuge", ["Aarhus", "århus", "aarhus"]),
        ("Malmø Opera", ["malmø", "malmö", "malmo", "malmoe"]),
        ("Örebro Bryggeri", ["örebro", "orebro", "ørebro", "oerebro"]),
        ("Næstved Mølle", ["næstved mølle", "naestved moelle", "nastved"]),
    ],
)
async def test_a_name_is_found_as_it_is_typed(firm: Firm, written: str, asked: list[str]) -> None:
    await customer(firm.seller, name=written)
    for q in asked:
        [hit] = await hits(firm.learner, q)
        assert hit["title"] == written
        assert marked(hit), q


async def test_quotes_or_and_minus_mean_what_they_mean_elsewhere(firm: Firm) -> None:
    handover = await draft(firm, title="Words")
    for text in ("red lorry and yellow bus", "yellow lorry and red bus", "yellow and green train"):
        await logged(firm.seller, handover, text=text)

    async def texts(q: str) -> list[str]:
        return sorted(
            "".join(part["text"] for part in hit["excerpt"]).split()[0]
            + hit["excerpt"][-1]["text"][-5:]
            for hit in await hits(firm.seller, q)
        )

    assert len(await texts("red lorry")) == 2
    assert len(await texts('"red lorry"')) == 1
    assert len(await texts("lorry or train")) == 3
    assert len(await texts("yellow -train")) == 2
    assert len(await texts("yellow -lorry -bus")) == 1


async def test_only_one_language_can_be_asked_for(firm: Firm) -> None:
    handover = await draft(firm, title="Abc")
    await logged(firm.seller, handover, text="Kunden vil gerne have at systemet er klar til påske.")
    await logged(firm.seller, handover, text="Systemet är klart och kunden vill att vi börjar nu.")
    assert len(await hits(firm.seller, "systemet")) == 2
    [hit] = await hits(firm.seller, "systemet", language="sv")
    assert hit["languages"] == ["sv"]
    assert (await firm.seller.get("/v1/search", q="x", language="fi")).status_code == 422


async def test_markup_comes_back_as_it_was_written(firm: Firm) -> None:
    handover = await draft(firm, title="Abc")
    written = "<script>alert('tills')</script> & <b>tills</b> http://tills.example/tills?a=b&c the tills-tills"
    await logged(firm.seller, handover, text=written)
    [hit] = await hits(firm.seller, "tills")
    assert "".join(part["text"] for part in hit["excerpt"]) == written
    assert "tills" in marked(hit)


@pytest.mark.parametrize(
    "q",
    [
        "og",
        "the",
        "-",
        '"',
        "&",
        "& | !",
        "<->",
        "tills:*",
        "' or 1=1",
        "()",
        "or",
        "=da",
        "😀",
        "-tills",
    ],
)
async def test_odd_questions_have_an_answer(firm: Firm, q: str) -> None:
    await draft(firm)
    assert (await firm.seller.get("/v1/search", q=q)).status_code == 200


@pytest.mark.parametrize("q", ["", " ", "a" * 10_000, "a\x00b", "a\nb"])
async def test_rubbish_is_refused(firm: Firm, q: str) -> None:
    path = "/v1/search?q=" + "".join(f"%{byte:02x}" for byte in q.encode())
    assert 400 <= (await firm.seller.request("GET", path)).status_code < 500


async def test_pages_go_on_without_gaps_or_repetitions_while_others_write(firm: Firm) -> None:
    handover = await draft(firm, title="Abc")
    for number in range(7):
        await logged(firm.seller, handover, text=f"quince {'quince ' * (number % 3)}{number}")
    first = made(await firm.seller.get("/v1/search", q="quince", limit=3), 200)
    await logged(firm.seller, handover, text="quince quince quince quince")
    seen = [hit["id"] for hit in first["items"]]
    following = first["next"]
    while following:
        page = made(await firm.seller.get("/v1/search", q="quince", limit=3, after=following), 200)
        seen += [hit["id"] for hit in page["items"]]
        following = page["next"]
    assert len(seen) == len(set(seen)) == 7
    assert len(await hits(firm.seller, "quince")) == 8


async def test_a_page_of_another_search_or_of_none_is_refused(firm: Firm) -> None:
    handover = await draft(firm, title="Abc")
    for _ in range(2):
        await logged(firm.seller, handover, text="quince and pear")
    page = made(await firm.seller.get("/v1/search", q="quince", limit=1), 200)
    for q, after in (
        ("pear", page["next"]),
        ("quince", "abc"),
        ("quince", "W10"),
        ("quince", "bnVsbA"),
    ):
        assert (await firm.seller.get("/v1/search", q=q, after=after)).status_code == 422
