"""Which endpoints are called directly: every one but those that take files in a form."""

import inspect
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.routing import APIRoute

from services.chassis.web.handling import direct_handler
from tests.conftest import Product


def test_every_endpoint_is_called_directly_but_those_that_take_files(product: Product) -> None:
    routes = [
        route
        for service in ("gateway", "handover", "onboarding")
        for route in product.app.neighbours[service].routes
        if isinstance(route, APIRoute)
    ]
    assert len(routes) > 100
    slow = {
        route.name
        for route in routes
        if direct_handler(route) is None
        and "UploadFile" not in str(inspect.signature(route.endpoint))
    }
    assert slow == set()


async def with_parameter(limit: Annotated[int, Query()]) -> int:
    return limit


async def of_another(value: Annotated[int, Depends(with_parameter)]) -> int:
    return value


def in_a_thread(request: Request) -> str:
    return request.url.path


async def asks_for_a_parameter(_: Annotated[int, Depends(with_parameter)]) -> Response: ...  # type: ignore[empty-body]


async def asks_another_that_asks(_: Annotated[int, Depends(of_another)]) -> Response: ...  # type: ignore[empty-body]


async def needs_a_thread(_: Annotated[str, Depends(in_a_thread)]) -> Response: ...  # type: ignore[empty-body]


async def changes_the_response(response: Response) -> Response: ...  # type: ignore[empty-body]


async def gives_an_object() -> dict[str, str]: ...  # type: ignore[empty-body]


def is_no_coroutine() -> Response: ...  # type: ignore[empty-body]


@pytest.mark.parametrize(
    "endpoint",
    [
        asks_for_a_parameter,
        asks_another_that_asks,
        needs_a_thread,
        changes_the_response,
        gives_an_object,
        is_no_coroutine,
    ],
)
def test_what_only_fastapi_can_do_is_left_to_it(endpoint: Any) -> None:
    router = APIRouter()
    router.add_api_route("/", endpoint)
    (route,) = router.routes
    assert isinstance(route, APIRoute)
    assert direct_handler(route) is None
