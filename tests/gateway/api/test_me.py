"""Who am I."""

from tests.conftest import Firm, Person


async def test_a_person_sees_themselves_and_their_organization(firm: Firm) -> None:
    answer = await firm.seller.get("/v1/me")
    assert answer.status_code == 200
    body = answer.json()
    assert body["person_id"] == str(firm.seller.id)
    assert body["roles"] == ["seller"]
    assert body["organization"]["name"] == "Nordlys"


async def test_a_stranger_sees_their_own_organization(firm: Firm, stranger: Person) -> None:
    body = (await stranger.get("/v1/me")).json()
    assert body["organization"]["id"] != str(firm.organization_id)
