"""Every read against its model: what PostgreSQL writes is what the document promises, field by field."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

import orjson
import pytest
from pydantic import BaseModel

from services.chassis.database import Database, Reader
from services.chassis.errors import Invalid, NotFound
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.tables import new_id
from services.gateway.api.teams import TeamOut
from services.gateway.domain.team import Team
from tests.conftest import Firm, Product
from tests.handover import makers as handover
from tests.system.filled import filled

READS: list[Read[Any]] = Read.all


def service_of(read: Read[Any]) -> str:
    """The schema that the read is of, which is the service's name."""
    return str(read.table.schema)


def described(read: Read[Any]) -> str:
    return f"{service_of(read)}.{read.model.__name__}"


def nested(annotation: Any) -> list[type[BaseModel]]:
    """The models inside an annotation: itself, in a list, where null is one of the choices, or one for each kind."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, types.UnionType, list, tuple, Annotated):
        return [model for inner in get_args(annotation) for model in nested(inner)]
    return []


def meant(models: list[type[BaseModel]], value: dict[str, Any]) -> type[BaseModel] | None:
    """The model of a value: the only one, or that of its kind."""
    if len(models) == 1:
        return models[0]
    of_kind = [
        m
        for m in models
        if "kind" in m.model_fields and value["kind"] in get_args(m.model_fields["kind"].annotation)
    ]
    return of_kind[0] if of_kind else None


def assert_shape(model: type[BaseModel], value: dict[str, Any], where: str) -> None:
    """Exactly the fields of the model, in it and in all that it holds."""
    assert set(value) == set(model.model_fields), where
    for name, field in model.model_fields.items():
        held = value[name] if isinstance(value[name], list) else [value[name]]
        for entry in held:
            inner = meant(nested(field.annotation), entry) if isinstance(entry, dict) else None
            if inner is not None:
                assert_shape(inner, entry, f"{where}.{name}")


async def everything(read: Read[Any], reader: Reader) -> Iterator[dict[str, Any]]:
    page = await read.page(reader, PageQuery(limit=200))
    return iter(orjson.loads(page.content())["items"])


async def test_every_read_writes_what_its_model_promises(firm: Firm) -> None:
    await filled(firm)
    empty = []
    for read in READS:
        async with firm.product.database(service_of(read)).reading(firm.organization_id) as reader:
            items = list(await everything(read, reader))
            if not items:
                empty.append(described(read))
            for item in items:
                assert_shape(read.model, item, described(read))
                read.model.model_validate_json(orjson.dumps(item), strict=False)
                one = await read.one(reader, UUID(item["id"])) if "id" in item else None
                assert one is None or orjson.loads(one.content) == item
    # Where nobody makes such a thing yet, tests/system/filled.py wants a line.
    assert empty == [], "nothing to read"


@pytest.mark.parametrize("read", READS, ids=described)
async def test_every_way_to_read_is_understood_by_the_database(
    product: Product, read: Read[Any]
) -> None:
    database: Database = product.database(service_of(read))
    async with database.reading(new_id()) as reader:
        with pytest.raises(NotFound):
            await read.one(reader, new_id())
        with pytest.raises(NotFound):
            await read.require(reader, new_id())
        for sort in (None, *read.sorts, *(f"-{name}" for name in read.sorts)):
            page = await read.page(reader, PageQuery(sort=sort))
            assert page.content() == b'{"items":[],"next":null}'
        with pytest.raises(Invalid):
            await read.page(reader, PageQuery(sort="organization_id"))


def test_a_read_of_a_model_that_the_table_does_not_fill_does_not_come_to_be() -> None:
    class Wrong(TeamOut):
        colour: str

    before = len(READS)
    with pytest.raises(KeyError):
        Read(Wrong, Team)
    assert len(READS) == before


async def test_a_list_sorted_by_what_may_be_missing_shows_those_that_have_it(firm: Firm) -> None:
    draft = await handover.draft(firm)
    for due_on in ("2026-12-01", None, "2026-12-24"):
        await handover.promise(firm, draft, due_on=due_on)
    path = f"/v1/handovers/{draft['id']}/promises"
    first = (await firm.seller.get(path, sort="due_on", limit=1)).json()
    rest = (await firm.seller.get(path, sort="due_on", limit=1, after=first["next"])).json()
    shown = [item["due_on"] for item in first["items"] + rest["items"]]
    assert (shown, rest["next"]) == (["2026-12-01", "2026-12-24"], None)
