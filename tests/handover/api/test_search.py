"""Search through the gateway: found as it is written, by everybody of the organization and nobody else."""

import unicodedata
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


async def shown_of(person: Person, q: str, **params: Any) -> list[str]:
    """The texts that are found, best first; each shows why."""
    shown = await hits(person, q, **params)
    assert all(marked(hit) for hit in shown), q
    return ["".join(part["text"] for part in hit["excerpt"]) for hit in shown]


@pytest.mark.parametrize(
    ("asked", "as_asked", "others"),
    [
        (
            "kortere",
            "Ventetiden ved kassen er blevet kortere efter at de har lært det.",
            [
                "Kunden vil gerne have et kort over de butikker, som er med.",
                "Kort, kort og kort: det er hvad kunden vil have.",
            ],
        ),
        (
            "kort",
            "Kunden vil gerne have et kort over de butikker, som er med.",
            [
                "Ventetiden ved kassen er blevet kortere efter at de har lært det.",
                "Kortere, kortere og kortere: det er hvad kunden vil have.",
            ],
        ),
        (
            "kortere",
            "Ventetiden ved kassen har blitt kortere etter at de har lært det.",
            ["Kunden vil gjerne ha et kort over butikkene som er med.", "Et kort til."],
        ),
    ],
)
async def test_a_word_as_it_was_asked_for_comes_before_its_other_forms(
    firm: Firm, asked: str, as_asked: str, others: list[str]
) -> None:
    handover = await draft(firm, title="Abc")
    for text in (others[0], as_asked, *others[1:]):
        await logged(firm.seller, handover, text=text)
    found = await shown_of(firm.seller, asked)
    assert found[0] == as_asked
    assert sorted(found[1:]) == sorted(others)


async def test_a_word_as_it_was_asked_for_counts_more_than_a_heading_with_another_form(
    firm: Firm,
) -> None:
    titled = await draft(firm, title="Korte veje til kunden, som vi kan gå")
    other = await draft(firm, title="Abc", situation="Ventetiden er nu kortere end da vi kom.")
    found = [hit["id"] for hit in await hits(firm.seller, "kortere")]
    assert found == [other["id"], titled["id"]]


async def test_of_two_words_each_counts_as_it_was_asked_for(firm: Firm) -> None:
    handover = await draft(firm, title="Abc")
    both, one, none = (
        "Det er kortere frister, som kunden har bedt om.",
        "Det er kortere frist, som kunden har bedt om.",
        "Det er en kort frist, som kunden har bedt om.",
    )
    for text in (one, both, none):
        await logged(firm.seller, handover, text=text)
    assert await shown_of(firm.seller, "kortere frister") == [both, one, none]


async def test_a_stem_of_one_language_finds_nothing_in_another(firm: Firm) -> None:
    # Danish makes "hem" of it, which is Swedish for home.
    own = "Prisen er hemmelig, og det skal den være indtil vi ved mere."
    handover = await draft(firm, title="Abc")
    await logged(firm.seller, handover, text=own)
    for of_another in (
        "Kunden vill att vi kommer hem till dem och inte bara ringer.",
        "They will hem in the tills with what is left of the old counter.",
    ):
        await logged(firm.seller, handover, text=of_another)
    assert await shown_of(firm.seller, "hemmelig") == [own]
    assert len(await shown_of(firm.seller, "hem")) == 3


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("sv", ["löfte", "löftet", "löftets", "löften", "löftena"]),
        ("sv", ["hus", "huset", "husets", "husen"]),
        ("sv", ["paket", "paketet", "paketen"]),
        ("sv", ["resultat", "resultatet", "resultaten"]),
        ("sv", ["kassa", "kassan", "kassor", "kassorna"]),
        ("sv", ["regel", "regeln", "regler", "reglerna"]),
        ("sv", ["fönster", "fönstret", "fönstren"]),
        ("sv", ["konto", "kontot"]),
        ("sv", ["motor", "motorn", "motorer"]),
        ("da", ["regel", "reglen", "regler", "reglerne"]),
        ("da", ["eksempel", "eksemplet", "eksempler"]),
        ("da", ["løfte", "løftet", "løfter", "løfterne"]),
        ("nb", ["kort", "korte", "kortere"]),
        ("nb", ["lager", "lageret", "lagrene"]),
        ("nb", ["eksempel", "eksemplet", "eksempler"]),
    ],
)
async def test_a_word_is_found_by_each_of_its_forms_in_each_of_them(
    firm: Firm, language: str, forms: list[str]
) -> None:
    handover = await draft(firm, title="Abc")
    around = {
        "da": "Kunden har sagt, at det er {}, og at de gerne vil have det.",
        "nb": "Kunden har sagt at det er {}, og at de gjerne vil ha det.",
        "sv": "Kunden har sagt att det är {} och att vi ska göra det.",
    }[language]
    for form in forms:
        await logged(firm.seller, handover, text=around.format(form))
    for asked in forms:
        found = await hits(firm.seller, asked)
        assert sorted(mark for hit in found for mark in marked(hit)) == sorted(forms), asked
        assert marked(found[0]) == [asked]


async def test_what_stands_far_back_in_a_text_is_shown(firm: Firm) -> None:
    far = (
        "The shops want the tills and the staff wants the time. " * 170 + "Then the zeppelin came."
    )
    path = f"/v1/handovers/{(await draft(firm, title='Abc'))['id']}"
    texts = {"situation": far.replace("zeppelin", "tram"), "background": far}
    made(await firm.seller.patch(path, texts), 200)
    [hit] = await hits(firm.seller, "zeppelin")
    assert marked(hit) == ["zeppelin"]
    assert hit["excerpt"][0] == {"text": "… ", "match": False}


async def test_a_word_longer_than_an_excerpt_is_shown_as_far_as_there_is_room(firm: Firm) -> None:
    handover = await draft(firm, title="Abc")
    await logged(firm.seller, handover, text=f"{'Nothing much. ' * 20} {'y' * 190} and more")
    [hit] = await hits(firm.seller, "y" * 190)
    assert set("".join(marked(hit))) == {"y"}


async def test_letters_and_their_marks_in_two_characters_are_letters_with_marks(
    firm: Firm,
) -> None:
    handover = await draft(firm, title="Abc")
    in_two = unicodedata.normalize("NFD", "Kunden vill att kassorna är på plats i Malmö.")
    await logged(firm.seller, handover, text=in_two)
    for asked in ("malmö", unicodedata.normalize("NFD", "Malmö"), "malmo"):
        [hit] = await hits(firm.seller, asked)
        assert marked(hit) == ["Malmö"]


async def test_a_dash_between_words_is_none_of_them(firm: Firm) -> None:
    await draft(firm, title="Tills - Aarhus")
    for asked in ("Tills - Aarhus", "- tills", "tills (-aarhus)", "tills --"):
        assert await found(firm.seller, asked) == ["handover"], asked
    assert await found(firm.seller, "tills -aarhus") == []
    assert await found(firm.seller, "tills --aarhus") == []


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
