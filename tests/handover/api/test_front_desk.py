"""The front desk: whatever somebody knows of a customer, however it is written, leads to them."""

from typing import Any

import pytest

from tests.conftest import Firm, Person
from tests.handover.makers import contact, customer, draft, made, stakeholder

OSLO = "+47 22 12 34 56"


async def looked_up(person: Person, **by: str) -> dict[str, Any]:
    return made(await person.get("/v1/customers/lookup", **by), 200)


def names(found: dict[str, Any]) -> list[str]:
    return [item["customer"]["name"] for item in found["items"]]


async def test_a_customer_keeps_its_numbers_and_addresses_in_one_spelling(firm: Firm) -> None:
    known = await customer(
        firm.seller,
        country="DK",
        phones=["33 12 34 56", "+45 33123456", OSLO],
        emails=["Randi@Kunde.example", "randi@kunde.example"],
        registration_number="CVR 12 34 56 78",
    )
    assert known["phones"] == ["+4533123456", "+4722123456"]
    assert known["emails"] == ["randi@kunde.example"]
    assert (known["country"], known["registration_number"]) == ("DK", "CVR 12 34 56 78")


@pytest.mark.parametrize(
    "written", [OSLO, "0047 22123456", "22123456", " 47 22 12 34 56", "tel:+4722123456"]
)
async def test_any_spelling_of_a_phone_finds_the_customer(firm: Firm, written: str) -> None:
    known = await customer(firm.seller, phones=["22 12 34 56"])
    await customer(firm.seller, name="Another", phones=["+47 22 12 34 57"])
    found = await looked_up(firm.learner, phone=written)
    assert (found["kind"], found["value"], found["total"]) == ("phone", "+4722123456", 1)
    [item] = found["items"]
    assert item["customer"] == {name: known[name] for name in item["customer"]}
    assert item["matched"] == [
        {"by": "customer", "id": known["id"], "name": None, "handover_id": None}
    ]


async def test_a_plus_that_became_a_space_is_a_plus(firm: Firm) -> None:
    await customer(firm.seller, phones=["+45 33 12 34 56"])
    answer = await firm.learner.request("GET", "/v1/customers/lookup?phone=+45 33 12 34 56")
    assert made(answer, 200)["total"] == 1


async def test_a_number_without_its_country_is_of_the_country_that_is_given(firm: Firm) -> None:
    await customer(firm.seller, phones=["+45 33 12 34 56"])
    assert (await looked_up(firm.learner, phone="33123456", country="DK"))["total"] == 1
    assert (await looked_up(firm.learner, phone="33123456"))["total"] == 0


async def test_else_it_is_of_the_organizations_country(firm: Firm) -> None:
    made(await firm.admin.patch("/v1/organization", {"country": "DK"}), 200)
    await firm.product.catch_up()
    known = await customer(firm.seller, phones=["33 12 34 56"])
    assert known["phones"] == ["+4533123456"]
    assert (await looked_up(firm.learner, phone="33123456"))["total"] == 1


async def test_in_no_country_a_number_needs_its_country_code(firm: Firm) -> None:
    made(await firm.admin.patch("/v1/organization", {"country": None}), 200)
    await firm.product.catch_up()
    assert (await firm.learner.get("/v1/customers/lookup", phone="22123456")).status_code == 422
    assert (await looked_up(firm.learner, phone="0047 22123456"))["total"] == 0


@pytest.mark.parametrize(
    "written", ["999 888 777", "NO 999 888 777 MVA", "NO999888777MVA", "Org.nr. 999.888.777"]
)
async def test_any_spelling_of_a_registration_number_finds_the_customer(
    firm: Firm, written: str
) -> None:
    await customer(firm.seller, registration_number="999 888 777")
    found = await looked_up(firm.learner, registration_number=written)
    assert (found["value"], found["total"]) == ("999888777", 1)


async def test_contacts_and_stakeholders_lead_to_their_customer(firm: Firm) -> None:
    known = await customer(firm.seller)
    id = known["id"]
    person = await contact(firm.seller, id, phone="22 12 34 56", email="Bodil@Kunde.example")
    assert (person["phone"], person["email"]) == ("+4722123456", "bodil@kunde.example")
    handover = await draft(firm, customer_id=id)
    named = await stakeholder(firm, handover, phone="22123456", email="BODIL@kunde.example")
    assert (named["phone"], named["email"]) == ("+4722123456", "bodil@kunde.example")
    for found in (
        await looked_up(firm.learner, phone=OSLO),
        await looked_up(firm.learner, email="bodil@KUNDE.example"),
    ):
        [item] = found["items"]
        assert item["customer"]["id"] == id
        assert item["matched"] == [
            {"by": "contact", "id": person["id"], "name": "Bodil Brandt", "handover_id": None},
            {
                "by": "stakeholder",
                "id": named["id"],
                "name": "Randi Fjellheim",
                "handover_id": handover["id"],
            },
        ]


async def test_a_number_of_several_customers_leads_to_all_of_them(firm: Firm) -> None:
    for number in range(21):
        await customer(firm.seller, name=f"Shop {number}", phones=[OSLO])
    found = await looked_up(firm.learner, phone=OSLO)
    assert found["total"] == 21
    assert names(found) == [f"Shop {number}" for number in range(20, 0, -1)]


async def test_what_a_customer_is_reached_by_no_more_finds_nobody(firm: Firm) -> None:
    known = await customer(firm.seller, phones=[OSLO], emails=["a@kunde.example"])
    path = f"/v1/customers/{known['id']}"
    changed = made(await firm.seller.patch(path, {"phones": ["+47 22 12 34 57"]}), 200)
    assert changed["emails"] == ["a@kunde.example"]
    assert (await looked_up(firm.learner, phone=OSLO))["total"] == 0
    assert (await looked_up(firm.learner, phone="+47 22 12 34 57"))["total"] == 1
    assert (await looked_up(firm.learner, email="A@kunde.example"))["total"] == 1
    made(await firm.seller.patch(path, {"phones": [], "emails": []}), 200)
    assert (await looked_up(firm.learner, email="a@kunde.example"))["total"] == 0


async def test_a_change_reads_numbers_as_of_the_customers_country(firm: Firm) -> None:
    known = await customer(firm.seller, country="SE")
    path = f"/v1/customers/{known['id']}"
    swedish = made(await firm.seller.patch(path, {"phones": ["08-123 456 78"]}), 200)
    assert swedish["phones"] == ["+46812345678"]
    danish = {"country": "DK", "phones": ["33123456"]}
    assert made(await firm.seller.patch(path, danish), 200)["phones"] == ["+4533123456"]
    nowhere = {"country": None, "phones": ["22123456"]}
    assert made(await firm.seller.patch(path, nowhere), 200)["phones"] == ["+4722123456"]
    person = await contact(firm.seller, known["id"], phone="22123456")
    assert person["phone"] == "+4722123456"


@pytest.mark.parametrize(
    ("wrong", "pointers"),
    [
        ({"phones": ["22123456", "12", "no number"]}, ["/phones/1", "/phones/2"]),
        ({"phones": None}, ["/phones"]),
        ({"country": "no"}, ["/country"]),
        ({"country": "XX"}, ["/country"]),
        ({"emails": ["randi"]}, ["/emails/0"]),
        ({"registration_number": "none"}, ["/registration_number"]),
    ],
)
async def test_what_reaches_nobody_is_refused_where_it_stands(
    firm: Firm, wrong: dict[str, Any], pointers: list[str]
) -> None:
    known = await customer(firm.seller)
    for answer in (
        await firm.seller.post("/v1/customers", {"name": "Wrong", **wrong}),
        await firm.seller.patch(f"/v1/customers/{known['id']}", wrong),
    ):
        assert answer.status_code == 422, answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == pointers


async def test_a_stakeholders_and_a_contacts_number_that_is_none_is_refused(firm: Firm) -> None:
    handover = await draft(firm)
    for path in (
        f"/v1/handovers/{handover['id']}/stakeholders",
        f"/v1/customers/{handover['customer_id']}/contacts",
    ):
        given = {"name": "Randi", "role": "user", "phone": "12"}
        if path.endswith("contacts"):
            del given["role"]
        answer = await firm.seller.post(path, given)
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/phone"]


@pytest.mark.parametrize(
    ("asked", "pointers"),
    [
        ({}, ["/phone", "/email", "/registration_number"]),
        ({"country": "NO"}, ["/phone", "/email", "/registration_number"]),
        ({"phone": OSLO, "email": "a@b.example"}, ["/phone", "/email"]),
        ({"phone": "12"}, ["/phone"]),
        ({"phone": ""}, ["/phone"]),
        ({"phone": "a\x00b"}, ["/phone"]),
        ({"email": "a"}, ["/email"]),
        ({"registration_number": "-"}, ["/registration_number"]),
        ({"phone": OSLO, "country": "Norge"}, ["/country"]),
        ({"name": "Brød"}, ["/name"]),
    ],
)
async def test_a_question_that_cannot_be_answered_is_refused(
    firm: Firm, asked: dict[str, str], pointers: list[str]
) -> None:
    answer = await firm.learner.get("/v1/customers/lookup", **asked)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers


async def test_contacts_are_kept_by_sellers_delivery_and_managers(
    firm: Firm, stranger: Person
) -> None:
    known, other = await customer(firm.seller), await customer(firm.seller)
    path = f"/v1/customers/{known['id']}/contacts"
    for person in (firm.learner, firm.trainer):
        assert (await person.post(path, {"name": "Bodil"})).status_code == 403
    for person in (firm.seller, firm.lead, firm.manager):
        await contact(person, known["id"])
    first, *_ = made(await firm.learner.get(path, sort="name"), 200)["items"]
    one = f"{path}/{first['id']}"
    assert (await firm.learner.patch(one, {"name": "B"})).status_code == 403
    assert (await firm.learner.delete(one)).status_code == 403
    assert (await firm.lead.patch(one, {"name": None})).status_code == 422
    given = {"name": "Bodil B.", "phone": "0047 22123456", "email": "B@kunde.example"}
    changed = made(await firm.lead.patch(one, given), 200)
    assert changed["phone"] == "+4722123456"
    assert made(await firm.lead.patch(one, {"phone": None}), 200)["phone"] is None
    assert (await firm.lead.patch(one, {"name": "B"}, etag="")).status_code == 428
    assert (await firm.lead.patch(one, {"name": "B"}, etag='"1"')).status_code == 412
    elsewhere = f"/v1/customers/{other['id']}/contacts/{first['id']}"
    assert (await firm.lead.get(elsewhere)).status_code == 404
    assert (await firm.lead.patch(elsewhere, {"name": "B"}, "*")).status_code == 404
    assert (await stranger.post(path, {"name": "B"})).status_code == 404
    assert (await stranger.get(one)).status_code == 404
    assert (await stranger.get(path)).status_code == 404
    assert (await firm.lead.delete(one)).status_code == 204
    assert (await firm.lead.get(one)).status_code == 404


async def test_strangers_find_nobody(firm: Firm, stranger: Person) -> None:
    await customer(firm.seller, phones=[OSLO])
    assert (await looked_up(stranger, phone=OSLO))["items"] == []


async def test_what_changes_at_a_customer_is_told(firm: Firm) -> None:
    known = await customer(firm.seller, name="Kjent")
    person = await contact(firm.seller, known["id"])
    one = f"/v1/customers/{known['id']}/contacts/{person['id']}"
    made(await firm.seller.patch(one, {"job_title": "Butikksjef"}), 200)
    assert (await firm.seller.delete(one)).status_code == 204
    page = made(await firm.admin.get("/v1/events", limit=1000), 200)
    told = [event for event in page["items"] if event["type"].startswith("contact.")]
    assert [event["type"] for event in told] == [
        "contact.created",
        "contact.changed",
        "contact.deleted",
    ]
    assert told[1]["data"] == {
        "customer_id": known["id"],
        "before": {"job_title": None},
        "after": {"job_title": "Butikksjef"},
    }
