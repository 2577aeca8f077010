"""What the database refuses, as what it means to whoever asked."""

import asyncpg
import pytest

from services.chassis.errors import Conflict, DomainError, InProgress, Invalid, Unavailable
from services.chassis.web.failure import database_error


@pytest.mark.parametrize(
    ("refused", "meaning"),
    [
        (asyncpg.UniqueViolationError, Conflict),
        (asyncpg.ExclusionViolationError, Conflict),
        (asyncpg.CheckViolationError, Invalid),
        (asyncpg.NumericValueOutOfRangeError, Invalid),
        (asyncpg.CharacterNotInRepertoireError, Invalid),
        (asyncpg.LockNotAvailableError, InProgress),
        (asyncpg.DeadlockDetectedError, Unavailable),
        (asyncpg.SerializationError, Unavailable),
        (asyncpg.QueryCanceledError, Unavailable),
    ],
)
def test_a_refusal_has_a_meaning(
    refused: type[asyncpg.PostgresError], meaning: type[DomainError]
) -> None:
    assert type(database_error(refused("x"))) is meaning


def test_a_read_that_waits_too_long_for_a_lock_came_at_a_bad_moment() -> None:
    assert type(database_error(asyncpg.LockNotAvailableError("x"), reading=True)) is Unavailable


def test_a_reference_to_nothing_is_told_by_its_field_and_one_from_what_is_left_as_a_conflict() -> (
    None
):
    dangling = asyncpg.ForeignKeyViolationError("x")
    dangling.table_name = "person"
    dangling.constraint_name = "fk_person_organization_id_team_id"
    dangling.detail = 'Key is not present in table "team".'
    told = database_error(dangling)
    assert isinstance(told, Invalid)
    assert [error.pointer for error in told.errors] == ["/team_id"]
    dangling.detail = 'Key is still referenced from table "person".'
    assert type(database_error(dangling)) is Conflict


@pytest.mark.parametrize(
    ("constraint", "told"),
    [
        (
            "uq_unknown_organization_id_handover_id_what",
            "There is one already with the same what.",
        ),
        ("uq_unknown_organization_id_owner_id", "There is one already with the same owner id."),
        ("uq_unknown_open", "There is one already."),
    ],
)
def test_what_is_there_already_is_told_by_its_fields(constraint: str, told: str) -> None:
    taken = asyncpg.UniqueViolationError("x")
    taken.table_name, taken.constraint_name = "unknown", constraint
    refused = database_error(taken)
    assert refused is not None
    assert refused.detail == told


@pytest.mark.parametrize(
    "mistake",
    [asyncpg.UndefinedColumnError, asyncpg.PostgresSyntaxError, asyncpg.InsufficientPrivilegeError],
)
def test_a_mistake_of_ours_has_none(mistake: type[asyncpg.PostgresError]) -> None:
    assert database_error(mistake("x")) is None
