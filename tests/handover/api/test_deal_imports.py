"""Deals come in by file: a result for every row, and the same file twice changes nothing."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from services.chassis.caller import Role
from tests.conftest import Firm, Person
from tests.handover.makers import SAID, estimate, made, move, promise, stakeholder

ACCOUNTS = """\ufeffId,IsDeleted,Name,Type
001Nq00000J1MwVIAV,,BSSSH Inc.,
001Nq00000J1MwiIAF,,Kwik-E-11,
"""
OPPORTUNITIES = """\ufeffId,IsDeleted,AccountId,Name,Description,StageName,Amount,CloseDate,IsClosed,IsWon,CreatedDate
006Nq00000BGi8PIAT,,001Nq00000J1MwVIAV,BSSSH - 350 Widgets,They want blue ones.,Closed Won,35000,2024-07-29,1,1,2024-07-11
006Nq00000BGi8QIAT,,001Nq00000J1MwiIAF,Kwik-E-11 - 210 Widgets,,Negotiation,20000,2024-07-06,,,2024-07-11T21:22:07.000+0000
006Nq00000BGi8RIAT,,001Nq00000J1MwVIAV,BSSSH - 10 Widgets,,Qualification,many,2024-07-06,,,2024-07-11T21:22:07.000+0000
006Nq00000BGi8QIAT,,001Nq00000J1MwiIAF,Kwik-E-11 - once more,,Negotiation,20000,2024-07-06,,,2024-07-11T21:22:07.000+0000
006Nq00000BGi8SIAT,1,001Nq00000J1MwiIAF,Kwik-E-11 - no more,,Negotiation,20000,2024-07-06,,,2024-07-11T21:22:07.000+0000
"""
MAPPING = {"external_id": "No", "title": "Deal", "customer_name": "Customer", "is_won": "Won"}
CSV = "No;Deal;Customer;Won\n1;Nye kasser;Brød og Hjørne;ja\n2;Flere kasser;BRØD OG HJØRNE;nei\n"


async def send(
    person: Person,
    file: str = OPPORTUNITIES,
    *,
    accounts: str | None = ACCOUNTS,
    dry_run: bool = False,
    **form: Any,
) -> httpx.Response:
    files = {"file": ("deals.csv", file.encode(), "text/csv")}
    if accounts is not None:
        files["accounts"] = ("accounts.csv", accounts.encode(), "text/csv")
    data = {"source": "salesforce", "default_currency": "NOK", **form}
    data = {name: value for name, value in data.items() if value is not None}
    query = {"dry_run": "true"} if dry_run else {}
    return await person.upload("/v1/imports/deals", files, data, **query)


async def send_csv(person: Person, file: str = CSV, **form: Any) -> httpx.Response:
    form = {"source": "csv", "mapping": json.dumps(MAPPING), **form}
    return await send(person, file, accounts=None, **form)


def counts(answer: dict[str, Any]) -> dict[str, int]:
    return {k: v for k, v in answer.items() if k not in ("rows", "dry_run", "source") and v}


async def handovers(person: Person, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = made(await person.get("/v1/handovers", **query), 200)["items"]
    return items


async def test_good_rows_land_and_the_others_are_told(firm: Firm):
    answer = made(await send(firm.seller), 200)
    assert counts(answer) == {"created": 2, "failed": 1, "skipped": 2}
    assert [(row["line"], row["result"]) for row in answer["rows"]] == [
        (2, "created"),
        (3, "created"),
        (4, "failed"),
        (5, "skipped"),
        (6, "skipped"),
    ]
    assert answer["rows"][0]["customer"] == "BSSSH Inc."
    [error] = answer["rows"][2]["errors"]
    assert error == {
        "column": 7,
        "pointer": None,
        "detail": "Amount is many, which is no amount",
    }
    assert answer["rows"][3]["remarks"][0]["detail"] == "The same deal stands in line 3."

    [won] = await handovers(firm.seller, is_won="true")
    assert won["id"] == answer["rows"][0]["handover_id"]
    assert won["title"] == "BSSSH - 350 Widgets"
    assert won["amount"] == {"amount": "35000.00", "currency": "NOK"}
    assert (won["source"], won["external_id"]) == ("salesforce", "006Nq00000BGi8PIAT")
    assert (won["state"], won["seller_id"]) == ("draft", str(firm.seller.id))
    assert won["background"] == "They want blue ones."
    customer = made(await firm.seller.get(f"/v1/customers/{won['customer_id']}"), 200)
    assert (customer["name"], customer["external_id"]) == ("BSSSH Inc.", "001Nq00000J1MwVIAV")
    [found] = await handovers(firm.seller, external_id="006Nq00000BGi8QIAT")
    assert found["title"] == "Kwik-E-11 - 210 Widgets"


async def test_the_same_file_twice_changes_nothing(firm: Firm):
    first = made(await send(firm.seller), 200)
    before = await handovers(firm.seller)
    again = made(await send(firm.seller), 200)
    assert counts(again) == {"unchanged": 2, "failed": 1, "skipped": 2}
    assert again["rows"][0]["handover_id"] == first["rows"][0]["handover_id"]
    assert await handovers(firm.seller) == before
    told = made(await firm.seller.get("/v1/events", type="handover.created"), 200)["items"]
    assert len(told) == 2


async def test_a_dry_run_says_the_same_and_changes_nothing(firm: Firm):
    dry = made(await send(firm.seller, dry_run=True), 200)
    assert dry["dry_run"] is True
    assert await handovers(firm.seller) == []
    assert made(await firm.seller.get("/v1/customers"), 200)["items"] == []
    real = made(await send(firm.seller), 200)
    assert counts(dry) == counts(real)
    assert dry["rows"][0]["handover_id"] is None


async def test_what_changed_in_the_crm_is_taken_over_and_what_a_seller_wrote_is_kept(firm: Firm):
    answer = made(await send(firm.seller), 200)
    path = f"/v1/handovers/{answer['rows'][1]['handover_id']}"
    made(await firm.seller.patch(path, {"title": "Widgets for Kwik-E-11"}), 200)
    changed = OPPORTUNITIES.replace(
        "210 Widgets,,Negotiation,20000,2024-07-06,,",
        "210 Widgets,,Closed Won,25000,2024-07-06,1,1",
    )
    dry = made(await send(firm.seller, changed, dry_run=True), 200)
    again = made(await send(firm.seller, changed), 200)
    assert counts(again) == counts(dry)
    assert again["rows"][1]["result"] == "updated"
    handover = made(await firm.seller.get(path), 200)
    assert (handover["is_won"], handover["stage_raw"]) == (True, "Closed Won")
    assert handover["amount"]["amount"] == "25000.00"
    assert handover["title"] == "Widgets for Kwik-E-11"
    assert counts(made(await send(firm.seller, changed), 200))["unchanged"] == 2


async def test_a_frozen_handover_follows_how_the_deal_stands_and_nothing_else(firm: Firm):
    answer = made(await send(firm.seller), 200)
    handover = {"id": answer["rows"][1]["handover_id"]}
    path = f"/v1/handovers/{handover['id']}"
    said = {name: value for name, value in SAID.items() if name not in ("amount", "is_won")}
    made(await firm.seller.patch(path, said), 200)
    await stakeholder(firm, handover)
    await promise(firm, handover)
    await estimate(firm, handover)
    await move(firm.seller, handover, "submission")
    changed = OPPORTUNITIES.replace(
        "210 Widgets,,Negotiation,20000,2024-07-06,,",
        "210 Widgets,,Closed Won,25000,2024-07-06,1,1",
    )
    for result in ("updated", "unchanged"):
        row = made(await send(firm.seller, changed), 200)["rows"][1]
        assert row["result"] == result
        assert "amount" in row["remarks"][0]["detail"]
        now = made(await firm.seller.get(path), 200)
        assert (now["is_won"], now["stage_raw"]) == (True, "Closed Won")
        assert now["amount"]["amount"] == "20000.00"


async def test_any_csv_comes_in_by_a_map_of_its_columns_and_finds_the_customer_by_name(firm: Firm):
    known = made(await firm.seller.post("/v1/customers", {"name": "Brød og hjørne"}))
    answer = made(await send_csv(firm.seller), 200)
    assert counts(answer) == {"created": 2}
    found = await handovers(firm.seller, source="csv", sort="created_at")
    assert {one["customer_id"] for one in found} == {known["id"]}
    assert sorted(one["is_won"] for one in found) == [False, True]


async def test_two_accounts_of_one_name_are_two_customers(firm: Firm):
    accounts = ACCOUNTS.replace("Kwik-E-11", "BSSSH Inc.")
    answer = made(await send(firm.seller, accounts=accounts), 200)
    assert answer["created"] == 2
    assert len(made(await firm.seller.get("/v1/customers"), 200)["items"]) == 2


async def test_an_amount_without_currency_is_left_out_and_told(firm: Firm):
    row = made(await send(firm.seller, default_currency=None), 200)["rows"][0]
    assert row["result"] == "created"
    assert row["remarks"][0]["column"] == 7
    handover = made(await firm.seller.get(f"/v1/handovers/{row['handover_id']}"), 200)
    assert handover["amount"] is None


async def test_a_file_sent_again_with_its_key_gets_the_same_answer(firm: Firm):
    files = {"file": ("deals.csv", CSV.encode(), "text/csv")}
    data = {"source": "csv", "mapping": json.dumps(MAPPING)}
    answers = [
        await firm.seller.request(
            "POST",
            "/v1/imports/deals",
            files=files,
            data=data,
            headers={"Idempotency-Key": "deals-1"},
        )
        for _ in range(2)
    ]
    assert made(answers[0], 200) == made(answers[1], 200)
    assert counts(answers[1].json()) == {"created": 2}


WON_LATER = OPPORTUNITIES.replace(
    "210 Widgets,,Negotiation,20000,2024-07-06,,",
    "210 Widgets,,Closed Won,25000,2024-07-06,1,1",
)


async def test_another_seller_changes_nothing_of_a_handover_that_is_not_theirs(firm: Firm):
    answer = made(await send(firm.seller), 200)
    path = f"/v1/handovers/{answer['rows'][1]['handover_id']}"
    before = made(await firm.seller.get(path), 200)
    other = await firm.hire("Nina Nabo", Role.seller)
    for dry_run in (True, False):
        refused = made(await send(other, WON_LATER, dry_run=dry_run), 200)
        assert counts(refused) == {"unchanged": 1, "failed": 2, "skipped": 2}
        [error] = refused["rows"][1]["errors"]
        assert "its seller" in error["detail"]
    assert made(await firm.seller.get(path), 200) == before


@pytest.mark.parametrize("who", ["manager", "admin"])
async def test_managers_and_admins_import_for_everybody(firm: Firm, who: str):
    made(await send(firm.seller), 200)
    answer = made(await send(getattr(firm, who), WON_LATER), 200)
    assert counts(answer) == {"unchanged": 1, "updated": 1, "failed": 1, "skipped": 2}


async def test_a_handover_that_has_ended_follows_the_crm_no_more(firm: Firm):
    answer = made(await send(firm.seller), 200)
    handover = {"id": answer["rows"][1]["handover_id"]}
    await move(firm.seller, handover, "cancellation", {"reason": "They bought elsewhere."})
    again = made(await send(firm.seller, WON_LATER), 200)
    assert again["rows"][1]["result"] == "unchanged"
    [remark] = again["rows"][1]["remarks"]
    assert "cancelled" in remark["detail"]
    handover = made(await firm.seller.get(f"/v1/handovers/{handover['id']}"), 200)
    assert handover["is_won"] is False


async def test_the_same_file_sent_twice_at_once_lands_once(firm: Firm):
    answers = await asyncio.gather(*(send(firm.seller) for _ in range(4)))
    created = sorted(made(answer, 200)["created"] for answer in answers)
    assert created == [0, 0, 0, 2]
    assert len(await handovers(firm.seller)) == 2


async def test_who_may_import_and_for_whom(firm: Firm, stranger: Person):
    for person in (firm.lead, firm.trainer, firm.learner):
        assert (await send(person)).status_code == 403
    other = str(firm.lead.id)
    assert (await send(firm.seller, seller_id=other)).status_code == 403
    made(await send(firm.manager, seller_id=other), 200)
    assert {one["seller_id"] for one in await handovers(firm.admin)} == {other}
    refused = await send(firm.admin, seller_id=str(stranger.id))
    assert refused.status_code == 422
    assert await handovers(stranger) == []


@pytest.mark.parametrize(
    ("file", "form", "pointer"),
    [
        ("", {}, ""),
        ("Title,Who\nTills,Randi\n", {}, ""),
        (CSV, {"source": "csv"}, "/mapping"),
        (CSV, {"source": "csv", "mapping": "{"}, "/mapping"),
        (CSV, {"source": "csv", "mapping": '{"title": "Deal"}'}, "/mapping/external_id"),
        (CSV, {"source": "csv", "mapping": json.dumps({**MAPPING, "amount": "Sum"})}, ""),
        (OPPORTUNITIES, {"mapping": "{}"}, "/mapping"),
        (OPPORTUNITIES, {"source": "hubspot"}, ""),
        (OPPORTUNITIES, {"source": "outlook"}, "/source"),
        (OPPORTUNITIES, {"default_currency": "KRO"}, "/default_currency"),
        (OPPORTUNITIES, {"engagement_type": "gift"}, "/engagement_type"),
        (OPPORTUNITIES, {"colour": "blue"}, "/colour"),
    ],
)
async def test_a_form_or_file_that_cannot_be_used_is_refused_as_a_whole(
    firm: Firm, file: str, form: dict[str, Any], pointer: str
):
    refused = await send(firm.seller, file, accounts=None, **form)
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert await handovers(firm.seller) == []


async def test_a_formula_in_a_cell_is_told_with_its_place(firm: Firm):
    row = made(await send_csv(firm.seller, CSV + '3;"=HYPERLINK(1)";Somebody;nei\n'), 200)["rows"][
        2
    ]
    assert (row["line"], row["result"], row["errors"][0]["column"]) == (4, "failed", 2)


async def test_a_file_may_be_larger_than_other_bodies_but_not_endless(firm: Firm):
    note = "word " * 200
    rows = "".join(f"{number};Deal {number};Customer;nei;{note}\n" for number in range(1200))
    large = made(await send_csv(firm.seller, f"No;Deal;Customer;Won;Note\n{rows}"), 200)
    assert counts(large) == {"created": 1200}
    refused = await send_csv(firm.seller, CSV + "x" * 17_000_000)
    assert refused.status_code == 413


HUBSPOT = {
    "results": [
        {
            "id": str(number),
            "properties": {
                "dealname": f"Deal {number}",
                "dealstage": "4711",
                "pipeline": "default",
                "amount": amount,
                "deal_currency_code": "NOK",
                "closedate": "2024-07-29T12:00:00Z",
            },
            "associations": {"companies": {"results": [{"id": "77", "type": "deal_to_company"}]}},
        }
        for number, amount in ((1, "1000"), (2, "much"), (3, None))
    ]
}
COMPANIES = {"results": [{"id": "77", "properties": {"name": "Fjordtind AS"}}]}
PIPELINES = {
    "results": [
        {
            "id": "default",
            "stages": [
                {
                    "id": "4711",
                    "label": "Signed",
                    "metadata": {"isClosed": "true", "probability": "1.0"},
                }
            ],
        }
    ]
}
PIPEDRIVE = {
    "success": True,
    "data": [
        {"id": 1, "title": "Tills", "status": "won", "org_name": "Nordal AS", "ab" * 20: "Two"}
    ],
}
TREE = {
    "records": [
        {
            "attributes": {"type": "Opportunity", "referenceId": "OpportunityRef1"},
            "Name": "Tills",
            "StageName": "Closed Won",
        }
    ]
}


async def send_json(person: Person, file: Any, form: Any = None, **others: Any) -> httpx.Response:
    sent = {"file": file, **others}
    files = {
        name: (f"{name}.json", content if isinstance(content, bytes) else json.dumps(content))
        for name, content in sent.items()
    }
    return await person.upload("/v1/imports/deals", files, form)


async def test_deals_of_hubspot_come_in_with_their_stages_and_companies(firm: Firm):
    for result in ("created", "unchanged"):
        sent = await send_json(firm.seller, HUBSPOT, accounts=COMPANIES, pipelines=PIPELINES)
        answer = made(sent, 200)
        assert answer["source"] == "hubspot"
        assert counts(answer) == {result: 2, "failed": 1}
        [error] = answer["rows"][1]["errors"]
        assert error["pointer"] == "/results/1/properties/amount"
        assert answer["rows"][1]["pointer"] == "/results/1"
    found = await handovers(firm.seller, source="hubspot", is_won="true")
    assert {one["stage_raw"] for one in found} == {"Signed"}
    [customer] = made(await firm.seller.get("/v1/customers"), 200)["items"]
    assert (customer["name"], customer["external_id"]) == ("Fjordtind AS", "77")


async def test_deals_of_pipedrive_come_in_with_their_custom_fields(firm: Firm):
    form = {"mapping": json.dumps({"description": "ab" * 20})}
    answer = made(await send_json(firm.seller, PIPEDRIVE, form), 200)
    assert (answer["source"], answer["created"]) == ("pipedrive", 1)
    [handover] = await handovers(firm.seller, source="pipedrive")
    assert (handover["background"], handover["is_won"]) == ("Two", True)


async def test_a_tree_of_salesforce_comes_in_under_the_customer_for_all(firm: Firm):
    failed = made(await send_json(firm.seller, TREE), 200)
    assert counts(failed) == {"failed": 1}
    answer = made(await send_json(firm.seller, TREE, {"default_customer": "Nordal AS"}), 200)
    assert (answer["source"], answer["created"]) == ("salesforce", 1)
    again = made(await send_json(firm.seller, TREE, {"default_customer": "Nordal AS"}), 200)
    assert counts(again) == {"unchanged": 1}


@pytest.mark.parametrize(
    ("file", "form", "others", "pointer"),
    [
        (b'{"results": [{"id": 1},\n oh]}', {}, {}, ""),
        (b'{"results": {}}', {}, {}, "/results"),
        (b'{"results": ' + b"[" * 50_000, {}, {}, ""),
        (b'{"results": [{"id": "\xe5"}]}', {}, {}, ""),
        (b'{"results": [{"id": "\x00"}]}', {}, {}, ""),
        (b'{"deals": []}', {}, {}, "/source"),
        (b'{"deals": []}', {"source": "hubspot"}, {}, "/results"),
        (CSV.encode(), {}, {}, "/source"),
        (HUBSPOT, {"mapping": "{}"}, {}, "/mapping"),
        (PIPEDRIVE, {"mapping": '{"colour": "blue"}'}, {}, "/mapping/colour"),
        (TREE, {}, {"pipelines": PIPELINES}, "/pipelines"),
        (CSV.encode(), {"mapping": json.dumps(MAPPING)}, {"accounts": COMPANIES}, "/accounts"),
        (HUBSPOT, {}, {"pipelines": b"{"}, ""),
        (HUBSPOT, {"default_customer": "x" * 201}, {}, "/default_customer"),
    ],
)
async def test_json_that_cannot_be_used_is_refused_as_a_whole(
    firm: Firm, file: Any, form: Any, others: Any, pointer: str
):
    refused = await send_json(firm.seller, file, form, **others)
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert await handovers(firm.seller) == []


async def test_what_is_broken_far_into_a_file_leaves_nothing_behind(firm: Firm):
    rows = ",".join(json.dumps(HUBSPOT["results"][0] | {"id": str(n)}) for n in range(1500))
    refused = await send_json(
        firm.seller, f'{{"results": [{rows},\n{{]}}'.encode(), accounts=COMPANIES
    )
    assert refused.status_code == 422
    assert (refused.json()["errors"][0]["line"], refused.json()["errors"][0]["column"]) == (2, 2)
    assert await handovers(firm.seller) == []
    assert made(await firm.seller.get("/v1/events", type="handover.created"), 200)["items"] == []


async def test_a_form_sent_again_with_another_boundary_is_the_same_request(firm: Firm):
    async def sent(file: Any) -> httpx.Response:
        return await firm.seller.request(
            "POST",
            "/v1/imports/deals",
            files={
                "file": ("deals.json", json.dumps(file)),
                "accounts": ("a", json.dumps(COMPANIES)),
            },
            headers={"Idempotency-Key": "hubspot-1"},
        )

    first = await sent(HUBSPOT)
    again = await sent(HUBSPOT)
    assert made(first, 200) == made(again, 200)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await sent({"results": []})
    assert other.json()["type"] == "/problems/key-reused"


@pytest.mark.parametrize(
    ("mapping", "pointer", "detail"),
    [
        ("{", "/mapping", "Det er ikke JSON."),
        ("[" * 5000, "/mapping", "Det er ikke JSON."),
        ("{}", "/mapping/external_id", "Dette må fylles ut."),
        ('{"x/y": "No"}', "/mapping/x~1y", "Dette feltet finnes ikke."),
    ],
)
async def test_what_is_wrong_with_a_mapping_is_told_in_the_readers_language(
    firm: Firm, mapping: str, pointer: str, detail: str
):
    answer = await firm.seller.request(
        "POST",
        "/v1/imports/deals",
        files={"file": ("deals.csv", CSV.encode(), "text/csv")},
        data={"source": "csv", "mapping": mapping},
        headers={"Accept-Language": "nb"},
    )
    assert answer.status_code == 422
    assert (pointer, detail) in [(one["pointer"], one["detail"]) for one in answer.json()["errors"]]


async def test_a_text_where_a_file_belongs_is_told_in_the_readers_language(firm: Firm):
    answer = await firm.seller.request(
        "POST",
        "/v1/imports/deals",
        files={"file": ("deals.csv", CSV.encode(), "text/csv")},
        data={"source": "hubspot", "pipelines": "none"},
        headers={"Accept-Language": "nb"},
    )
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["pointer"] == "/pipelines"
    assert error["detail"] == "Send en fil her, med filnavn."
