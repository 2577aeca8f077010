"""Deals as HubSpot, Salesforce's trees and Pipedrive tell them."""

import io
import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.chassis.file_problem import FileError
from services.handover.domain.customer import Source
from services.handover.domain.deal_file import Deal, DealRow
from services.handover.domain.deal_sources import DealFiles, Reading, read_deals, source_of

COMPANIES = {"results": [{"id": "77", "properties": {"name": "Fjordtind  AS"}}, 5]}
PIPELINES = {
    "results": [
        {
            "id": "default",
            "label": "Sales",
            "stages": [
                {
                    "id": "4711",
                    "label": "Signed ",
                    "metadata": {"isClosed": "true", "probability": "1.0"},
                },
                {
                    "id": "4712",
                    "label": "Lost",
                    "metadata": {"isClosed": "true", "probability": "0.0"},
                },
                {"id": "4713", "label": "Talks", "metadata": {"probability": "0.4"}},
                {"id": "4714"},
            ],
        }
    ]
}
ORGANIZATIONS = {"success": True, "data": [{"id": 9, "name": "Fjordtind AS"}, None]}
STAGES = {"success": True, "data": [{"id": 3, "name": "Signed"}]}
KEY = "dcf558aac1ae4e8c4f849ba5e668430d8df9be12"


def file_of(content: Any) -> io.BytesIO:
    return io.BytesIO(content if isinstance(content, bytes) else json.dumps(content).encode())


def rows(
    source: Source, deals: Any, accounts: Any = None, pipelines: Any = None, **reading: Any
) -> list[DealRow]:
    files = DealFiles(
        file_of(deals),
        None if accounts is None else file_of(accounts),
        None if pipelines is None else file_of(pipelines),
    )
    return list(read_deals(source, files, Reading(**reading)))  # type: ignore[arg-type]


def hubspot_deal(**properties: Any) -> dict[str, Any]:
    """A won deal as HubSpot answers it, with these properties changed."""
    usual = {
        "dealname": "Ticket office",
        "dealstage": "4711",
        "pipeline": "default",
        "amount": "35000.5",
        "deal_currency_code": "NOK",
        "closedate": "2024-07-29T21:30:00Z",
        "createdate": "2024-07-11T21:22:07.123Z",
        "hubspot_owner_id": "1001",
        "description": "Two desks",
    }
    return {
        "id": "500123",
        "properties": {k: v for k, v in {**usual, **properties}.items() if v != "absent"},
        "archived": False,
        "associations": {
            "companies": {
                "results": [
                    {"id": "78", "type": "deal_to_company_unlabeled"},
                    {"id": "77", "type": "deal_to_company"},
                ]
            }
        },
    }


def hubspot(*deals: Any, **how: Any) -> list[DealRow]:
    how = {"accounts": COMPANIES, "pipelines": PIPELINES, **how}
    return rows(Source.hubspot, {"results": list(deals), "paging": {"next": {}}}, **how)


def the_deal(found: list[DealRow]) -> Deal:
    [row] = found
    assert row.problems == ()
    assert row.deal is not None
    return row.deal


def the_problems(found: list[DealRow]) -> list[tuple[str, str]]:
    [row] = found
    assert row.deal is None
    return [(problem.pointer, problem.detail) for problem in row.problems]


def test_a_deal_of_hubspot_has_its_stage_and_company_by_name():
    assert the_deal(hubspot(hubspot_deal())) == Deal(
        source=Source.hubspot,
        external_id="500123",
        title="Ticket office",
        customer_external_id="77",
        customer_name="Fjordtind AS",
        amount=Decimal("35000.50"),
        currency="NOK",
        stage_raw="Signed",
        is_won=True,
        is_closed=True,
        close_date=date(2024, 7, 29),
        created_on=date(2024, 7, 11),
        description="Two desks",
        owner_external_id="1001",
        line=1,
    )


@pytest.mark.parametrize(
    ("stage", "won", "closed", "called"),
    [
        ("4712", False, True, "Lost"),
        ("4713", False, False, "Talks"),
        ("4714", False, False, "4714"),
    ],
)
def test_the_pipelines_say_what_a_stage_means(stage: str, won: bool, closed: bool, called: str):
    deal = the_deal(hubspot(hubspot_deal(dealstage=stage)))
    assert (deal.is_won, deal.is_closed, deal.stage_raw) == (won, closed, called)


def test_a_deals_own_word_comes_before_the_pipelines():
    deal = the_deal(
        hubspot(hubspot_deal(dealstage="4713", hs_is_closed_won="true", hs_is_closed="true"))
    )
    assert (deal.is_won, deal.is_closed, deal.stage_raw) == (True, True, "Talks")


def test_a_stage_that_nobody_knows_is_told():
    [row] = hubspot(hubspot_deal(dealstage="9"))
    assert row.deal is not None
    assert (row.deal.is_won, row.deal.stage_raw) == (None, "9")
    assert [remark.pointer for remark in row.remarks] == ["/results/0/properties/dealstage"] * 2
    [row] = hubspot(hubspot_deal(), pipelines=None)
    assert [remark.template[:7] for remark in row.remarks] == ["Whether"]


def test_milliseconds_are_a_time_too():
    assert the_deal(hubspot(hubspot_deal(closedate="1722288600000"))).close_date == date(
        2024, 7, 29
    )


def test_what_is_wrong_with_a_deal_is_told_by_pointer_all_at_once():
    wrong = hubspot_deal(
        dealname=None, amount="much", closedate="soon", description="a\x00b", hubspot_owner_id={}
    )
    assert sorted(the_problems(hubspot(wrong))) == [
        ("/results/0/properties/amount", "amount is much, which is no amount"),
        ("/results/0/properties/closedate", "closedate is soon, not a date as YYYY-MM-DD"),
        ("/results/0/properties/dealname", "dealname is empty"),
        ("/results/0/properties/description", "description has a character that cannot be stored"),
        (
            "/results/0/properties/hubspot_owner_id",
            "hubspot_owner_id is neither a text nor a number",
        ),
    ]


@pytest.mark.parametrize(
    "associations", [None, {}, {"companies": {"results": []}}, {"companies": 5}]
)
def test_a_deal_without_a_company_needs_a_customer_for_all(associations: Any):
    deal = {**hubspot_deal(), "associations": associations}
    assert "the customer is not known" in the_problems(hubspot(deal))[0][1]
    assert the_deal(hubspot(deal, customer="Nordal AS")).customer_name == "Nordal AS"


def test_a_company_that_was_not_sent_along_is_named():
    [(_, problem)] = the_problems(hubspot(hubspot_deal(), accounts=None))
    assert problem == "No account 77 with a name, so the customer is not known"


def test_archived_deals_and_deals_told_twice_are_left_out():
    archived, first, again, other = hubspot(
        {**hubspot_deal(), "archived": True}, hubspot_deal(), hubspot_deal(), "deal"
    )
    assert archived.left_out is not None
    assert first.deal is not None
    assert again.duplicate_of == "/results/1"
    assert other.problems[0].pointer == "/results/3"


def tree_deal(**fields: Any) -> dict[str, Any]:
    usual = {
        "attributes": {"type": "Opportunity", "referenceId": "OpportunityRef1"},
        "Name": "Ticket office",
        "StageName": "Closed Won",
        "Amount": 35000,
        "CloseDate": "2024-07-29",
        "AccountId": "@AccountRef1",
    }
    return {**usual, **fields}


ACCOUNT_TREE = {
    "records": [
        {"attributes": {"type": "Account", "referenceId": "AccountRef1"}, "Name": "Fjordtind AS"},
        {"attributes": {"type": "Account"}, "Id": "001Nq00000J1MwV", "Name": "Nordal AS"},
        {"attributes": {"type": "Account"}, "Name": "Nobody's"},
        5,
    ]
}


def tree(*deals: Any, accounts: Any = ACCOUNT_TREE, **how: Any) -> list[DealRow]:
    how = {"currency": "NOK", **how}
    return rows(Source.salesforce, {"records": list(deals)}, accounts, **how)


def test_a_deal_of_a_tree_is_won_by_its_stage_and_named_by_reference():
    deal = the_deal(tree(tree_deal()))
    assert (deal.customer_name, deal.customer_external_id) == ("Fjordtind AS", None)
    assert (deal.is_won, deal.is_closed) == (True, True)
    assert (deal.amount, deal.currency) == (Decimal("35000.00"), "NOK")
    assert deal.external_id.startswith("OpportunityRef1-")
    lost, open_ = tree(
        tree_deal(StageName="Closed Lost", attributes={"type": "Opportunity", "referenceId": "2"}),
        tree_deal(StageName="Prospecting", attributes={"type": "Opportunity", "referenceId": "3"}),
    )
    assert lost.deal is not None
    assert (lost.deal.is_won, lost.deal.is_closed) == (False, True)
    assert open_.deal is not None
    assert (open_.deal.is_won, open_.deal.is_closed) == (None, None)


def test_a_reference_in_another_tree_is_another_deal_unless_it_has_the_same_name():
    first = the_deal(tree(tree_deal())).external_id
    assert the_deal(tree(tree_deal(Amount=1))).external_id == first
    assert the_deal(tree(tree_deal(Name="Till"))).external_id != first


def test_the_answer_to_a_query_has_ids_and_names():
    answer = tree_deal(Id="006Nq00000BGi8P", AccountId="001Nq00000J1MwV")
    deal = the_deal(tree(answer))
    assert (deal.external_id, deal.customer_name) == ("006Nq00000BGi8PIAT", "Nordal AS")
    by_itself = {**answer, "Account": {"Name": "Havbris"}, "AccountId": None}
    assert the_deal(tree(by_itself, accounts=None)).customer_name == "Havbris"


def test_what_else_stands_in_a_tree_is_left_out():
    [row] = tree({"attributes": {"type": "Account", "referenceId": "A1"}, "Name": "Fjordtind"})
    assert row.left_out is not None


def test_a_deal_of_a_tree_without_account_takes_the_customer_for_all():
    assert (
        the_deal(tree(tree_deal(AccountId=None), customer="Nordal AS")).customer_name == "Nordal AS"
    )
    assert "not known" in the_problems(tree(tree_deal(AccountId="@Other")))[0][1]
    assert the_problems(tree(tree_deal(attributes={"type": "Opportunity"})))[0][1] == (
        "referenceId is empty"
    )


def pipedrive_deal(**fields: Any) -> dict[str, Any]:
    """A won deal as version 2 of the API answers it."""
    usual = {
        "id": 42,
        "title": "Ticket office",
        "value": 35000.5,
        "currency": "NOK",
        "status": "won",
        "stage_id": 3,
        "org_id": 9,
        "owner_id": 5,
        "won_time": "2024-07-29T21:30:00Z",
        "add_time": "2024-07-11T21:22:07Z",
        "custom_fields": {KEY: "Two desks"},
    }
    return {**usual, **fields}


def pipedrive(*deals: Any, **how: Any) -> list[DealRow]:
    how = {"accounts": ORGANIZATIONS, "pipelines": STAGES, "keys": {"description": KEY}, **how}
    return rows(Source.pipedrive, {"success": True, "data": list(deals)}, **how)


def test_a_deal_of_pipedrive_has_what_its_custom_key_holds():
    assert the_deal(pipedrive(pipedrive_deal())) == Deal(
        source=Source.pipedrive,
        external_id="42",
        title="Ticket office",
        customer_external_id="9",
        customer_name="Fjordtind AS",
        amount=Decimal("35000.50"),
        currency="NOK",
        stage_raw="Signed",
        is_won=True,
        is_closed=True,
        close_date=date(2024, 7, 29),
        created_on=date(2024, 7, 11),
        description="Two desks",
        owner_external_id="5",
        line=1,
    )


def test_version_1_of_pipedrive_puts_names_beside_ids_and_leaves_the_offset_out():
    deal = pipedrive_deal(
        org_id={"name": "Havbris AS", "value": 11},
        user_id={"id": 6, "name": "Kari"},
        won_time="2024-07-29 23:59:59",
        custom_fields=None,
        **{KEY: {"value": "One desk"}},
    )
    found = the_deal(pipedrive(deal, accounts=None, pipelines=None))
    assert (found.customer_external_id, found.customer_name) == ("11", "Havbris AS")
    assert (found.owner_external_id, found.stage_raw) == ("6", "3")
    assert (found.close_date, found.description) == (date(2024, 7, 29), "One desk")


def test_a_person_may_buy_too():
    deal = pipedrive_deal(org_id=None, person_id={"name": "Kari Nordmann", "value": 2})
    found = the_deal(pipedrive(deal))
    assert (found.customer_name, found.customer_external_id) == ("Kari Nordmann", None)
    named = the_deal(pipedrive(pipedrive_deal(org_id=None, person_name="Ola")))
    assert named.customer_name == "Ola"
    mapped = the_deal(pipedrive(pipedrive_deal(), keys={"customer_name": KEY}))
    assert mapped.customer_name == "Two desks"


def test_open_deals_lost_deals_and_deals_that_are_gone():
    open_ = the_deal(pipedrive(pipedrive_deal(status="open", won_time=None)))
    assert (open_.is_won, open_.is_closed, open_.close_date) == (False, False, None)
    lost = the_deal(pipedrive(pipedrive_deal(status="lost")))
    assert (lost.is_won, lost.is_closed) == (False, True)
    unsaid = the_deal(pipedrive(pipedrive_deal(status=None)))
    assert (unsaid.is_won, unsaid.is_closed) == (None, None)
    for gone in ({"is_deleted": True}, {"deleted": True}, {"status": "deleted"}):
        [row] = pipedrive(pipedrive_deal(**gone))
        assert row.left_out is not None


def test_a_status_and_a_time_that_are_none_are_problems():
    wrong = pipedrive_deal(status="perhaps", won_time="0001-01-01 00:00:00+23:00", org_id=None)
    assert sorted(problem for _, problem in the_problems(pipedrive(wrong))) == [
        "No account, so the customer is not known",
        "status is perhaps, not open, won or lost",
        "won_time is 0001-01-01 00:00:00+23:00, which is no time",
    ]


@pytest.mark.parametrize(
    ("content", "source"),
    [
        ({"results": []}, Source.hubspot),
        ({"id": "1", "properties": {}}, Source.hubspot),
        ({"totalSize": 1, "done": True, "records": []}, Source.salesforce),
        ({"success": True, "data": []}, Source.pipedrive),
        ([{"id": 1, "title": "x", "stage_id": 3}], Source.pipedrive),
        (b"\xef\xbb\xbfId,Name,StageName\n", Source.salesforce),
        (b"No,Deal\n", None),
        ({"deals": []}, None),
        (b"", None),
    ],
)
def test_a_file_shows_where_it_comes_from(content: Any, source: Source | None):
    assert source_of(file_of(content)) is source


@pytest.mark.parametrize("source", [Source.hubspot, Source.pipedrive])
def test_what_is_no_answer_of_the_crm_is_refused(source: Source):
    for content in (b"", b"id,name\n1,2\n", {"error": "not allowed"}):
        with pytest.raises(FileError):
            rows(source, content)


@pytest.mark.parametrize(
    ("field", "organization", "pointers"),
    [
        ("org_id", {"name": [1], "value": 8}, ["/data/0/org_id/name"]),
        ("org_id", {"name": "a\x00b", "value": 8}, ["/data/0/org_id/name"]),
        ("org_id", {"name": {"x": 1}, "id": {}}, ["/data/0/org_id/id", "/data/0/org_id/name"]),
        ("person_id", {"name": [1], "value": 8}, ["/data/0/person_id/name"]),
    ],
)
def test_a_name_beside_an_id_that_is_no_text_fails_its_row_alone(
    field: str, organization: Any, pointers: list[str]
):
    fields = {"org_id": None, field: organization}
    wrong, good = pipedrive(pipedrive_deal(**fields), pipedrive_deal(id=43))
    assert set(pointers) <= {problem.pointer for problem in wrong.problems}
    assert good.deal is not None


def test_a_company_with_an_id_that_cannot_be_stored_fails_its_row_alone():
    wrong = hubspot_deal()
    wrong["associations"] = {"companies": {"results": [{"id": "7\x007"}]}}
    [(pointer, problem), *_] = the_problems(hubspot(wrong))
    assert (pointer, problem) == (
        "/results/0/associations/companies",
        "companies has a character that cannot be stored",
    )


def test_the_same_deal_at_the_same_place_of_the_next_page_is_left_out():
    page = json.dumps({"results": [hubspot_deal()]}).encode()
    first, again = rows(Source.hubspot, page + page, COMPANIES, PIPELINES)
    assert first.deal is not None
    assert (again.deal, again.duplicate_of) == (None, "/results/0")
