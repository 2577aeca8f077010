"""The brief through the gateway: three forms of the same, in the reader's language, with nobody's text taken for markup."""

import asyncio
import time
from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy import text

from services.chassis.forms import disposition, preferred
from services.chassis.tables import new_id
from services.handover.api.briefs import FORMS, as_html, as_markdown, as_pdf
from services.handover.domain.brief import Brief, Entry, Fact, Section
from tests.conftest import Firm, Person
from tests.handover.makers import (
    complete_draft,
    in_review,
    logged,
    made,
    promises_of,
    question,
    read_back,
    staffed,
    walkthrough,
)

TODAY = date(2026, 11, 22)
EVIL = (
    '<script>alert(1)</script> <img src=x onerror=alert(1)> {{ 7*7 }} {% raw %} #eval("1+1") $x$ '
    "*b* _i_ `c` [a](javascript:b) ![i](http://h/i) http://h.example www.h.example a@h.example\n"
    "# heading\n- item\n1. first\n> quote\n---\n```\n| a | b |\n@ref <lab> \\ ~~x~~ &amp;"
)


async def brief(
    person: Person, handover: dict[str, Any], accept: str | None = None, **headers: str
) -> Any:
    if accept is not None:
        headers["Accept"] = accept
    return await person.request("GET", f"/v1/handovers/{handover['id']}/brief", headers=headers)


async def test_whoever_starts_reads_it_all_in_one_place(firm: Firm):
    handover = await in_review(firm, promises=2, title="Selvbetjening for Brød og Ærø")
    promises = await promises_of(firm, handover)
    made(await read_back(firm.lead, promises[0], "conditional", condition="The power is on."))
    await question(firm.learner, handover, text="Which VAT?", topic="VAT", blocking=True)
    await logged(firm.seller, handover, kind="decision", text="They pay by card alone.")
    await logged(firm.seller, handover, kind="note", text="Coffee was good.")
    await walkthrough(firm.seller, handover)
    await staffed(firm, handover, to="2027-01-31", allocation=60)
    answer = await brief(firm.learner, handover, "text/markdown")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.headers["vary"] == "Accept, Accept-Language"
    for said in (
        "# Selvbetjening for Brød og Ærø",
        "- **Customer:** Brød og Hjørne",
        "NOK",
        "December 1, 2026",
        "The web shop.",
        "Randi Fjellheim",
        "Signe Selger",
        "Ludvig Leder",
        "### Promise number 1 is kept.",
        "Every shop can take a card that morning.",
        "The power is on.",
        "Taken on, on a condition",
        "Which VAT?",
        "They pay by card alone.",
        "5 October 2026 10:00 GMT+02:00",
        "**Held at:** 5 October 2026 10:00 GMT+02:00",
        "Storgata 1, Oslo",
        "Lærke Lærling",
        "60%",
        "From December 1, 2026 to January 31, 2027",
    ):
        assert said in answer.text, said
    assert "Coffee" not in answer.text


async def test_the_headings_are_in_the_readers_language(firm: Firm):
    handover = await complete_draft(firm)
    for language, promises, day in (
        ("da", "Løfter", "1. december 2026"),
        ("nb", "Løfter", "1. desember 2026"),
        ("sv", "Löften", "1 december 2026"),
    ):
        answer = await brief(
            firm.lead, handover, "text/html", **{"Accept-Language": f"{language}, en;q=0.5"}
        )
        assert f'<html lang="{language}">' in answer.text
        assert f"<h2>{promises}</h2>" in answer.text
        assert day in answer.text
        assert answer.headers["content-language"] == language


async def test_what_the_customer_does_not_let_us_share_is_in_none_of_it(firm: Firm):
    handover = await complete_draft(firm)
    path = f"/v1/handovers/{handover['id']}/customer-voices"
    given = {"phase": "before", "said_at": "2026-11-02T10:00:00+01:00", "said_by": "Randi F."}
    made(await firm.seller.post(path, {**given, "quote": "This stays between us."}))
    made(await firm.seller.post(path, {**given, "quote": "Tell everybody.", "may_share": True}))
    for form in ("text/markdown", "text/html"):
        told = (await brief(firm.learner, handover, form)).text
        assert "Tell everybody." in told
        assert "between us" not in told


async def test_a_stranger_and_an_unknown_handover_get_404(firm: Firm, stranger: Person):
    handover = await complete_draft(firm)
    assert (await brief(stranger, handover)).status_code == 404
    assert (await brief(firm.lead, {"id": str(new_id())})).status_code == 404


async def test_what_has_not_changed_is_not_sent_again(firm: Firm):
    handover = await complete_draft(firm)
    first = await brief(firm.lead, handover, "text/html")
    again = await brief(
        firm.lead, handover, "text/html", **{"If-None-Match": first.headers["ETag"]}
    )
    assert again.status_code == 304
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    for known in (f"W/{first.headers['ETag']}", f'"other", W/{first.headers["ETag"]}', "*"):
        again = await brief(firm.lead, handover, "text/html", **{"If-None-Match": known})
        assert again.status_code == 304
    other = await brief(
        firm.lead, handover, "text/markdown", **{"If-None-Match": first.headers["ETag"]}
    )
    assert other.status_code == 200


async def test_another_form_is_refused_with_those_there_are(firm: Firm):
    handover = await complete_draft(firm)
    refused = await brief(firm.lead, handover, "image/png, text/html;q=0")
    assert refused.status_code == 406
    assert refused.json()["type"].endswith("not-acceptable")
    assert "application/pdf" in refused.json()["detail"]


async def test_it_is_printed_with_its_name(firm: Firm):
    handover = await complete_draft(firm, title="Ærø: økt åpning")
    printed = await brief(firm.lead, handover, "application/pdf")
    assert printed.status_code == 200
    assert printed.content.startswith(b"%PDF-")
    assert printed.headers["content-type"] == "application/pdf"
    said = printed.headers["content-disposition"]
    assert 'filename="AEro okt apning.pdf"' in said or 'filename="Aero okt apning.pdf"' in said
    assert "filename*=UTF-8''%C3%86r%C3%B8%20%C3%B8kt%20%C3%A5pning.pdf" in said


async def test_a_long_story_is_printed_in_bounded_time_while_others_are_answered(firm: Firm):
    handover = await complete_draft(firm)
    database = firm.product.database("handover")
    async with database.transaction(firm.organization_id) as session:
        values = {"org": firm.organization_id, "handover": handover["id"], "by": firm.seller.id}
        await session.execute(
            text(
                "INSERT INTO promise (organization_id, id, handover_id, statement, kind, channel, said_by, said_on,"
                " done_when, evidence, customer_validated, feasibility, state, worded_at) "
                "SELECT :org, gen_random_uuid(), :handover, 'Løfte nummer ' || n || repeat(' holdes til punkt og prikke', 8),"
                " 'feature', 'meeting', :by, '2026-10-01', repeat('Hver butikk har solgt noe. ', 5), '{}', false,"
                " 'unreviewed', 'offered', now() FROM generate_series(1, 500) n"
            ),
            values,
        )
        await session.execute(
            text(
                "INSERT INTO log_entry (organization_id, id, handover_id, at, author_id, kind, phase, text, links, affects) "
                "SELECT :org, gen_random_uuid(), :handover, now() - n * interval '1 hour', :by, 'decision', 'before',"
                " 'Beslutning ' || n || repeat(' og mer', 40), '{}', '{}' FROM generate_series(1, 5000) n"
            ),
            values,
        )
    began = time.monotonic()
    printing = asyncio.create_task(brief(firm.lead, handover, "application/pdf"))
    waited = []
    while not printing.done():
        asked = time.monotonic()
        made(await firm.lead.get(f"/v1/handovers/{handover['id']}"), 200)
        waited.append(time.monotonic() - asked)
    printed = await printing
    assert printed.status_code == 200
    assert time.monotonic() - began < 30
    assert max(waited) < 2
    told = (await brief(firm.lead, handover, "text/markdown")).text
    assert "The first 100 of 5000." in told
    assert told.count("### Løfte nummer") == 500


# --- the forms ------------------------------------------------------------------------------------


def evil() -> Brief:
    facts = [Fact("Said", EVIL)]
    section = Section("Promises", facts, [Entry(EVIL, facts)], EVIL)
    return Brief("en", EVIL, EVIL, facts, [section], TODAY, "Today")


class Tags(HTMLParser):
    """Which elements a page has, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_holds_texts_as_texts():
    page = Tags()
    page.feed(as_html(evil()).decode())
    assert page.found.isdisjoint({"script", "img", "a"})
    assert page.text.count("<script>alert(1)</script>") >= 4
    assert "{{ 7*7 }}" in page.text


def test_markdown_holds_texts_as_texts():
    told = as_markdown(evil()).decode()
    headings = [line for line in told.splitlines() if line.startswith("#")]
    assert len(headings) == 3
    assert "<" not in told.replace("\\<", "")
    assert "[" not in told.replace("\\[", "")
    assert "`" not in told.replace("\\`", "")
    assert "://" not in told.replace("\\://", "")
    assert "www.h" not in told
    items = [line for line in told.splitlines() if line.lstrip().startswith("- ")]
    assert all(line.startswith("- **Said:** ") for line in items)
    for start in ("# heading", "1. first", "> quote", "---", "```", "| a |"):
        assert f"\n{start}" not in told
        assert f"\n  {start}" not in told
    assert "{{ 7\\*7 }}" in told.replace("\\{", "{").replace("\\}", "}")


def test_print_holds_texts_as_texts():
    assert as_pdf(evil()).startswith(b"%PDF-")


def test_an_empty_handover_has_a_brief_too():
    empty = Brief("nb", "Ærø", "Åse", [], [], TODAY, "22. november 2026")
    assert as_markdown(empty).decode() == "# Ærø\n\n22\\. november 2026\n"
    assert as_pdf(empty).startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, "text/markdown"),
        ("*/*", "text/markdown"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("application/pdf;q=0.9, text/*;q=0.5", "application/pdf"),
        ("text/*, text/markdown;q=0", "text/html"),
        ("TEXT/HTML ; q=0.3, application/pdf;q=rubbish", "text/html"),
    ],
)
def test_the_form_that_is_asked_for_most_is_sent(accept: str | None, form: str):
    assert preferred(accept, FORMS) == form


@pytest.mark.parametrize(
    ("title", "fallback"),
    [
        ("Brød & Hjørne", 'filename="Brod & Hjorne.pdf"'),
        ('a"; filename="evil.exe', 'filename="a ; filename= evil.exe.pdf"'),
        ("../../etc/passwd", 'filename="etc passwd.pdf"'),
        ("日本", 'filename="brief.pdf"'),
    ],
)
def test_a_file_name_keeps_to_itself(title: str, fallback: str):
    said = disposition(title, "pdf", "brief")
    assert fallback in said
    assert said.isascii()
