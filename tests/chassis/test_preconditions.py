"""If-Match: nobody overwrites what they have not seen."""

import asyncio

import pytest

from services.chassis.errors import Malformed, PreconditionFailed, PreconditionMissing
from services.chassis.preconditions import Match, etag
from tests.conftest import Firm


@pytest.mark.parametrize(
    "header", ['"3"', "*", " * ", '"2", "3"', '"3","4"', 'W/"3", "3"', '"abc", "3"', '"a,b" ,"3"']
)
def test_a_version_that_was_seen_may_be_changed(header: str) -> None:
    Match.parse(header).check(3)


@pytest.mark.parametrize(
    "header", ['"2"', 'W/"3"', '"abc"', '""', '"03"', '"99999999999999"', '"2", "4"', '"٣"']
)
def test_a_version_that_was_not_seen_may_not(header: str) -> None:
    match = Match.parse(header.encode().decode("latin-1"))
    with pytest.raises(PreconditionFailed):
        match.check(3)


@pytest.mark.parametrize(
    "header", ["", "3", '"3', "W/3", '"3" "4"', "null", 'w/"3"', "**", '"3" x']
)
def test_what_is_no_etag_cannot_be_read(header: str) -> None:
    with pytest.raises(Malformed):
        Match.parse(header)


def test_without_a_header_nothing_may_be_changed() -> None:
    with pytest.raises(PreconditionMissing):
        Match.parse(None)


def test_what_we_give_out_is_what_we_take() -> None:
    Match.parse(etag(7)).check(7)


async def test_patch_and_delete_need_an_if_match(firm: Firm) -> None:
    path = f"/v1/teams/{firm.team_id}"
    for answer in (
        await firm.admin.patch(path, {"name": "Ny"}, etag=""),
        await firm.admin.delete(path, etag=""),
    ):
        assert answer.status_code == 428
        assert answer.json()["type"] == "/problems/precondition-missing"


async def test_a_stale_change_is_refused_and_changes_nothing(firm: Firm) -> None:
    path = f"/v1/teams/{firm.team_id}"
    seen = (await firm.admin.get(path)).headers["etag"]
    changed = await firm.admin.patch(path, {"name": "Levering Vest"}, seen)
    assert changed.status_code == 200
    assert changed.headers["etag"] != seen
    assert changed.headers["etag"] == (await firm.admin.get(path)).headers["etag"]
    for answer in (
        await firm.admin.patch(path, {"name": "Levering Øst"}, seen),
        await firm.admin.delete(path, seen),
        await firm.admin.patch(path, {"name": "Levering Øst"}, f"W/{changed.headers['etag']}"),
    ):
        assert answer.status_code == 412
        assert answer.json()["type"] == "/problems/precondition-failed"
    assert (await firm.admin.get(path)).json()["name"] == "Levering Vest"


async def test_of_many_changes_at_once_to_what_all_have_seen_one_wins(firm: Firm) -> None:
    path = f"/v1/teams/{firm.team_id}"
    seen = (await firm.admin.get(path)).headers["etag"]
    answers = await asyncio.gather(
        *(firm.admin.patch(path, {"name": f"Team {n}"}, seen) for n in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 9]
    assert (await firm.admin.get(path)).json()["version"] == 2
