"""The same problem in the reader's language, from every service, through the gateway."""

from typing import Any

import httpx
import pytest

from services.chassis.tables import new_id
from tests.conftest import Firm, Person

ASKED = {
    "en": "en",
    "en-GB, da;q=0.8": "en",
    "da": "da",
    "da-DK, en;q=0.7": "da",
    "nb": "nb",
    "nb-NO": "nb",
    "no": "nb",
    "nn": "nb",
    "nn-NO, sv;q=0.9": "nb",
    "sv": "sv",
    "sv-SE": "sv",
    "de, fi;q=0.9, sv;q=0.5, da;q=0.4": "sv",
    "da;q=0.2, nb;q=0.8": "nb",
    "da;q=0, sv;q=0.1": "sv",
    "SV-se": "sv",
    "de": "en",
    "*": "en",
    "": "en",
    "da;q=much": "en",
}


async def ask(
    person: Person, method: str, path: str, language: str, body: Any = None
) -> httpx.Response:
    return await person.request(method, path, json=body, headers={"Accept-Language": language})


def said(answer: httpx.Response) -> list[str]:
    body = answer.json()
    return [body["title"], body["detail"], *(error["detail"] for error in body.get("errors", ()))]


@pytest.mark.parametrize(("asked", "given"), ASKED.items())
async def test_the_reader_gets_the_best_language_that_there_is(firm: Firm, asked: str, given: str):
    answer = await ask(firm.seller, "GET", "/v1/people?limit=0", asked)
    assert answer.status_code == 422
    assert answer.headers["Content-Language"] == given
    assert (
        said(answer)[2]
        == {
            "en": "It must be at least 1.",
            "da": "Det skal være mindst 1.",
            "nb": "Det må være minst 1.",
            "sv": "Det måste vara minst 1.",
        }[given]
    )


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "Not there"),
        ("da", "Findes ikke"),
        ("nb", "Finnes ikke"),
        ("sv", "Finns inte"),
    ],
)
@pytest.mark.parametrize("kind", ["teams", "handovers", "courses"])
async def test_what_is_not_there_is_not_there_in_four_languages(
    firm: Firm, kind: str, language: str, title: str
):
    answer = await ask(firm.admin, "GET", f"/v1/{kind}/{new_id()}", language)
    assert answer.status_code == 404
    assert answer.json()["title"] == title


@pytest.mark.parametrize(
    ("language", "title", "detail"),
    [
        ("en", "The state forbids it", "There is one already"),
        ("da", "Tilstanden tillader det ikke", "Den findes allerede"),
        ("nb", "Tilstanden tillater det ikke", "Den finnes allerede"),
        ("sv", "Tillståndet tillåter det inte", "Den finns redan"),
    ],
)
async def test_a_conflict_is_told_in_four_languages(
    firm: Firm, language: str, title: str, detail: str
):
    answer = await ask(firm.admin, "POST", "/v1/teams", language, {"name": "levering"})
    assert answer.status_code == 409
    assert said(answer)[0] == title
    assert said(answer)[1].startswith(detail)


@pytest.mark.parametrize(
    ("language", "reason"),
    [
        ("en", "This is not a time zone of the IANA database, such as Europe/Stockholm."),
        ("da", "Dette er ikke en tidszone i IANA-databasen, som Europe/Stockholm."),
        ("nb", "Dette er ikke en tidssone i IANA-databasen, som Europe/Stockholm."),
        ("sv", "Detta är inte en tidszon i IANA-databasen, som Europe/Stockholm."),
    ],
)
async def test_what_a_validator_says_is_translated_too(firm: Firm, language: str, reason: str):
    body = {"name": "Åse", "email": "ase@nordlys.example", "time_zone": "Mars/Base"}
    answer = await ask(firm.admin, "POST", "/v1/people", language, body)
    assert answer.status_code == 422
    assert said(answer)[2] == reason


@pytest.mark.parametrize(
    ("language", "reason"),
    [
        ("en", "This is not a valid e-mail address."),
        ("da", "Dette er ikke en gyldig e-mailadresse."),
        ("nb", "Dette er ikke en gyldig e-postadresse."),
        ("sv", "Detta är inte en giltig e-postadress."),
    ],
)
async def test_a_wrong_address_is_told_in_four_languages(firm: Firm, language: str, reason: str):
    answer = await ask(firm.admin, "POST", "/v1/people", language, {"name": "Åse", "email": "x"})
    assert said(answer)[2] == reason


@pytest.mark.parametrize(
    ("language", "reason"),
    [
        ("en", "NOK has at most 2 decimals."),
        ("da", "NOK har højst 2 decimaler."),
        ("nb", "NOK har høyst 2 desimaler."),
        ("sv", "NOK har högst 2 decimaler."),
    ],
)
async def test_money_is_refused_in_four_languages(firm: Firm, language: str, reason: str):
    body = {"title": "Nordlys", "amount": {"amount": "1.001", "currency": "NOK"}}
    answer = await ask(firm.seller, "POST", "/v1/handovers", language, body)
    assert answer.status_code == 422
    assert reason in said(answer)


async def test_a_choice_is_listed_without_an_english_word(firm: Firm):
    body = {"name": "Åse", "email": "ase@nordlys.example", "roles": ["chef"]}
    answer = await ask(firm.admin, "POST", "/v1/people", "sv", body)
    assert "' or '" not in said(answer)[2]
    assert said(answer)[2].startswith("Det måste vara ett av 'seller', ")


@pytest.mark.parametrize(
    ("language", "title"),
    [("en", "Not there"), ("da", "Findes ikke"), ("nb", "Finnes ikke"), ("sv", "Finns inte")],
)
async def test_the_page_of_a_problem_type_is_translated(firm: Firm, language: str, title: str):
    answer = await ask(firm.seller, "GET", "/problems/not-found", language)
    assert f'lang="{language}"' in answer.text
    assert f"<title>{title}</title>" in answer.text
