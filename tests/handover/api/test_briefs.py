"""The brief through the gateway: three forms of the same, in the reader's language, with nobody's text taken for markup."""

import asyncio
from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy import text

from services.chassis import printing
from services.chassis.forms import disposition, preferred
from services.chassis.language import Language
from services.chassis.tables import new_id
from services.handover.api.briefs import FORMS, as_html, as_markdown, as_pdf
from services.handover.domain.brief import Brief, Entry, Fact, Section
from services.handover.domain.brief_words import Words
from tests.conftest import Firm, Person
from tests.handover.makers import (
    accept_answer,
    answer,
    complete_draft,
    completed,
    draft,
    in_review,
    logged,
    made,
    measure,
    observed,
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
    shown = await brief(firm.learner, handover, "text/markdown")
    assert shown.status_code == 200
    assert shown.headers["content-type"] == "text/markdown; charset=utf-8"
    assert shown.headers["vary"] == "Accept, Accept-Language"
    for said in (
        "# Selvbetjening for Brød og Ærø",
        "- **Customer:** Brød og Hjørne",
        "NOK",
        "1 December 2026",
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
        "From 1 December 2026 to 31 January 2027",
    ):
        assert said in shown.text, said
    assert "Coffee" not in shown.text


async def test_of_the_log_it_tells_what_still_holds_and_the_last_word_on_it(firm: Firm):
    handover = await draft(firm)
    said = ["They pay by card.", "No, by invoice.", "Not by invoice.", "By phone instead."]
    corrects = None
    for place, told in enumerate(([True], [False, True], [True, False, True], [False, True] * 2)):
        entry = await logged(
            firm.seller,
            handover,
            kind="note" if place else "decision",
            text=said[place],
            corrects=corrects,
        )
        corrects = entry["id"]
        shown = (await brief(firm.learner, handover, "text/markdown")).text
        assert [text in shown for text in said[: place + 1]] == told
        assert shown.count("· Decision") == sum(told)


async def test_the_headings_are_in_the_readers_language(firm: Firm):
    handover = await complete_draft(firm)
    for language, promises, day in (
        ("da", "Løfter", "1. december 2026"),
        ("nb", "Løfter", "1. desember 2026"),
        ("sv", "Löften", "1 december 2026"),
    ):
        shown = await brief(
            firm.lead, handover, "text/html", **{"Accept-Language": f"{language}, en;q=0.5"}
        )
        assert f'<html lang="{language}">' in shown.text
        assert f"<h2>{promises}</h2>" in shown.text
        assert day in shown.text
        assert shown.headers["content-language"] == language


async def test_what_was_found_out_stands_beside_what_is_open(firm: Firm):
    handover = await draft(firm, background="A chain of bakeries.")
    path = f"/v1/handovers/{handover['id']}"
    gap = {
        "reason": "The lease runs out.",
        "owner_id": str(firm.learner.id),
        "due_on": "2027-03-15",
    }
    unknown = made(await firm.seller.post(f"{path}/unknowns", {**gap, "what": "planned_end"}))
    made(await firm.seller.post(f"{path}/unknowns", {**gap, "what": "amount"}))
    opened = {"handover_id": handover["id"], "id": unknown["question_id"]}
    made(await accept_answer(firm.seller, await answer(firm.learner, opened, "On 30 April.")), 200)
    asked = await question(firm.lead, handover, text="Which VAT?", topic="VAT", blocking=True)
    await answer(firm.trainer, asked, "Norwegian, I think.")
    made(await accept_answer(firm.lead, await answer(firm.learner, asked, "Danish.")), 200)
    told = (await brief(firm.learner, handover)).text
    still_open = told[told.index("## What nobody knows yet") : told.index("## What we found out")]
    assert "Amount" in still_open
    assert "Planned end" not in still_open
    known = told[told.index("## What we found out") :]
    for said in (
        "### Planned end\n\n- **Why it was open:** The lease runs out.\n- **Answer:** On 30 April.\n",
        "### Which VAT?\n\n- **Topic:** VAT\n- **Answer:** Danish.\n",
        "- **Answered by:** Lærke Lærling",
    ):
        assert said in known, known
    assert "Norwegian, I think." not in told


async def test_how_it_ended_and_what_it_is_worth_stand_in_it(firm: Firm):
    handover = await completed(firm)
    queue = await measure(firm.seller, handover)
    await observed(firm.learner, queue, value=9, at="2026-11-20T12:00:00+01:00")
    wrong = await observed(firm.learner, queue, value=99, at="2026-11-21T12:00:00+01:00")
    await observed(
        firm.learner, queue, value=10.5, at="2026-11-21T12:00:00+01:00", corrects=wrong["id"]
    )
    ended = {"ended_on": "2026-10-30", "result": "partly", "lessons": "Visit the weak shops."}
    made(await firm.lead.post(f"/v1/handovers/{handover['id']}/outcome", ended))
    told = (await brief(firm.learner, handover)).text
    for said in (
        "- **Result:** Partly succeeded\n- **Ended on:** 30 October 2026\n- **Lessons:** Visit the weak shops.",
        "### Queue at noon (minutes)\n\n- **Before:** 14\n- **Target:** 4\n- **Observed last:** 10.5 · 21 November 2026",
    ):
        assert said in told, told


async def test_a_print_that_takes_too_long_is_refused_and_the_next_one_comes(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
):
    handover = await complete_draft(firm)
    with monkeypatch.context() as patience:
        patience.setattr(printing, "_PATIENCE_SECONDS", 0.0)
        refused = await brief(firm.lead, handover, "application/pdf")
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "10"
    assert "text/html" in refused.json()["detail"]
    assert (await brief(firm.lead, handover, "application/pdf")).content.startswith(b"%PDF-")


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
    printing = asyncio.create_task(brief(firm.lead, handover, "application/pdf"))
    answered_meanwhile = 0
    while not printing.done():
        made(await firm.lead.get(f"/v1/handovers/{handover['id']}"), 200)
        answered_meanwhile += not printing.done()
    assert (await printing).status_code == 200
    assert answered_meanwhile > 5
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


@pytest.mark.parametrize(
    "plain",
    [
        "sigrid.myhre@fjell.example",
        "17.7 h / 4 h",
        "+4795123456",
        "1. februar 2026",
        "a_b, C# & D; 5 > 4, 3 = 3 | {x} ^ y!",
        "~30 h for $5",
        "-5 °C",
        "22:30",
    ],
)
def test_markdown_escapes_nothing_that_is_no_markup_where_it_stands(plain: str):
    written = as_markdown(
        Brief("en", plain, "", [], [Section("S", [Fact("Said", plain)])], TODAY, "As of today")
    ).decode()
    assert written == f"# {plain}\n\n## S\n\n- **Said:** {plain}\n\nAs of today\n"


@pytest.mark.parametrize(
    ("markup", "escaped"),
    [
        ("1. februar", "1\\. februar"),
        ("- a", "\\- a"),
        ("-5", "-5"),
        ("--- | ---", "\\--- | ---"),
        ("| a |", "\\| a |"),
        ("===", "\\==="),
        ("# a #", "\\# a \\#"),
        ("~~~ $a$", "\\~\\~\\~ \\$a\\$"),
        ("_i_ &amp; @all", "\\_i\\_ \\&amp; \\@all"),
        ("![a](b)", "!\\[a](b)"),
        ("WWW.h.example", "WWW\\.h.example"),
    ],
)
def test_markdown_escapes_what_is_markup_where_a_line_begins(markup: str, escaped: str):
    brief = Brief("en", "T", "", [Fact("Said", f"x\n{markup}")], [], TODAY, markup)
    written = as_markdown(brief).decode()
    assert written == f"# T\n\n- **Said:** x\\\n  {escaped}\n\n{escaped}\n"


@pytest.mark.parametrize(
    ("language", "money", "cents", "moment"),
    [
        ("en", "NOK 1,250,000", "NOK 1,250,000.50", "26 November 2026 10:00 GMT+01:00"),
        ("nb", "1 250 000 NOK", "1 250 000,50 NOK", "26. november 2026 10:00 GMT+01:00"),
        ("da", "1.250.000 NOK", "1.250.000,50 NOK", "26. november 2026 10:00 GMT+01:00"),
        ("sv", "1 250 000 NOK", "1 250 000,50 NOK", "26 november 2026 10:00 GMT+01:00"),
    ],
)
def test_money_and_moments_are_written_in_one_way(
    language: Language, money: str, cents: str, moment: str
):
    words = Words(language)
    assert words.money("1250000.00", "NOK").replace("\N{NO-BREAK SPACE}", " ") == money
    assert words.money("1250000.50", "NOK").replace("\N{NO-BREAK SPACE}", " ") == cents
    assert words.moment("2026-11-26T09:00:00+00:00", "Europe/Oslo") == moment


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
