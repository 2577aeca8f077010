"""Errors as problems: every type documented, in the reader's language, under a status."""

import string
from uuid import uuid4

import pytest

from services.chassis import errors
from services.chassis.errors import DomainError
from services.chassis.language import catalog, negotiate
from services.chassis.problems import documented, problem, problem_body, status_of
from tests.conftest import Firm, Product


def every_kind() -> list[type[DomainError]]:
    found: list[type[DomainError]] = []

    def walk(kind: type[DomainError]) -> None:
        for child in kind.__subclasses__():
            found.append(child)
            walk(child)

    walk(DomainError)
    return found


def test_every_kind_of_error_is_named_titled_and_explained(product: Product) -> None:
    slugs: dict[str, type[DomainError]] = {}
    for kind in every_kind():
        assert kind.title, kind
        assert kind.explanation, kind
        assert set(kind.slug) <= set(string.ascii_lowercase + "-"), kind
        # One that says nothing new (FileError is an Invalid) keeps the type that it has.
        other = slugs.setdefault(kind.slug, kind)
        assert issubclass(kind, other), f"{kind} and {other} are both called {kind.slug}"


def test_every_kind_of_error_has_a_status(product: Product) -> None:
    for kind in every_kind():
        error = kind.__new__(kind)
        assert 400 <= status_of(error) <= 599


async def test_every_problem_type_is_explained_at_its_address(product: Product) -> None:
    for slug, kind in documented().items():
        page = await product.client.get(f"/problems/{slug}")
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert kind.title in page.text.replace("&#x27;", "'")
    assert (await product.client.get("/problems/error")).status_code == 404


async def test_every_problem_type_stands_in_their_list(product: Product) -> None:
    page = await product.client.get("/problems", headers={"Accept-Language": "nb"})
    assert page.status_code == 200
    assert "Hva som kan gå galt" in page.text
    for slug in documented():
        assert f'href="/problems/{slug}"' in page.text


async def test_whoever_comes_without_an_address_is_shown_the_document(product: Product) -> None:
    answer = await product.client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")


@pytest.mark.parametrize("kind", [errors.Unavailable, errors.InProgress])
def test_what_passes_says_when_to_ask_again(kind: type[DomainError]) -> None:
    assert problem("en", kind("Not now.")).headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        (None, "en"),
        ("", "en"),
        ("da", "da"),
        ("da-DK", "da"),
        ("DA", "da"),
        ("nb-NO,nb;q=0.9,en;q=0.1", "nb"),
        ("nn", "nb"),
        ("no", "nb"),
        ("sv-SE;q=0.3, en;q=0.2", "sv"),
        ("fi, sv;q=0.5, en;q=0.4", "sv"),
        ("fi", "en"),
        ("*", "en"),
        ("da;q=0", "en"),
        ("da;q=0, sv", "sv"),
        ("en;q=0.5, da;q=0.5", "en"),
        ("da;q=nonsense, nb", "nb"),
        ("da;q=nan, nb;q=0.1", "nb"),
        (";;;,,,q=", "en"),
        ("x" * 10_000, "en"),
    ],
)
def test_the_language_is_the_one_that_the_reader_wants_most(asked: str | None, spoken: str) -> None:
    assert negotiate(asked) == spoken


@pytest.mark.parametrize("language", ["en", "da", "nb", "sv"])
async def test_a_problem_speaks_the_readers_language(firm: Firm, language: str) -> None:
    for path in ("/v1/nothing", f"/v1/people/{uuid4()}", "/v1/people?limit=0", "/nothing"):
        answer = await firm.seller.request("GET", path, headers={"Accept-Language": language})
        assert answer.status_code in (404, 422)
        assert answer.headers["content-language"] == language
        title = errors.NotFound.title if answer.status_code == 404 else errors.Invalid.title
        assert answer.json()["title"] == catalog(language).get(title, title)
    page = await firm.product.client.get(
        "/problems/not-found", headers={"Accept-Language": language}
    )
    assert f'<html lang="{language}">' in page.text


def test_the_parameters_of_a_message_are_never_read_as_a_template() -> None:
    error = errors.Conflict("There is one already ({constraint}).", constraint="{secret} {0}")
    assert problem_body("en", 409, error)["detail"] == "There is one already ({secret} {0})."


def test_templates_inside_further_members_become_texts() -> None:
    error = errors.Invalid(
        "Not complete.",
        missing=[{"field": "title", "template": "{n} are missing", "params": {"n": 2}}],
    )
    body = problem_body("en", 422, error)
    assert body["missing"] == [{"field": "title", "detail": "2 are missing"}]


def test_moves_that_exist_are_told_with_one_that_does_not() -> None:
    error = errors.IllegalMove("No.", allowed=["submit", "cancel"])
    assert problem_body("en", 409, error)["allowed"] == ["cancel", "submit"]


async def test_a_numeric_limit_that_is_no_plain_number_is_told_too(firm: Firm) -> None:
    answer = await firm.seller.post(
        "/v1/handovers",
        {
            "customer_id": str(uuid4()),
            "title": "Kasser",
            "engagement_type": "fixed_price",
            "amount": {"amount": "-1", "currency": "NOK"},
        },
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/amount/amount"
