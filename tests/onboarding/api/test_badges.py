"""Certificates that leave the house: verified by a library that is not ours, at an address that asks nobody who they are."""

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import jwt
import pytest

from services.chassis.tables import new_id
from services.onboarding.api.badges import IssuerProfile, PublicCertificate, PublicKeys
from services.onboarding.domain.badge import code_of
from tests.conftest import Firm, Person
from tests.onboarding.makers import certified, made, policy

TODAY = datetime.now(UTC).date()


async def public(firm: Firm, path: str, **headers: str) -> httpx.Response:
    """What somebody gets who does not say who they are."""
    return await firm.product.client.get(
        path.removeprefix("http://127.0.0.1:8000"), headers=headers
    )


async def badge_of(person: Person, certificate: dict) -> str:
    answer = await person.get(f"/v1/certificates/{certificate['id']}/badge")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vc+jwt"
    return answer.text


async def verified(firm: Firm, token: str) -> dict:
    """What an independent library makes of a badge, given nothing but what the badge refers to."""
    header = jwt.get_unverified_header(token)
    key = made(await public(firm, header["kid"]), 200)
    claims: dict = jwt.decode(token, jwt.PyJWK(key), algorithms=["RS256"])
    return claims


def code(certificate: dict) -> str:
    return code_of(UUID(certificate["organization_id"]), UUID(certificate["id"]))


async def test_an_open_badge_is_verified_by_an_independent_library(firm: Firm):
    await policy(firm, competence="selling", valid_days=30)
    certificate = await certified(firm, "selling", level=3)
    token = await badge_of(firm.learner, certificate)
    header = jwt.get_unverified_header(token)
    assert set(header) == {"alg", "kid", "typ"}
    assert (header["alg"], header["typ"]) == ("RS256", "JWT")

    badge = await verified(firm, token)
    last = TODAY + timedelta(days=30)
    assert badge["@context"][0] == "https://www.w3.org/ns/credentials/v2"
    assert badge["type"] == ["VerifiableCredential", "OpenBadgeCredential"]
    assert badge["validFrom"] == f"{TODAY.isoformat()}T00:00:00Z"
    assert badge["validUntil"] == f"{last.isoformat()}T23:59:59Z"
    # The claims and the credential say the same (Open Badges 3.0, 8.2.4).
    assert badge["iss"] == badge["issuer"]["id"]
    assert badge["jti"] == badge["id"]
    assert badge["sub"] == badge["credentialSubject"]["id"] == f"urn:uuid:{firm.learner.id}"
    assert datetime.fromtimestamp(badge["nbf"], UTC).date() == TODAY
    assert datetime.fromtimestamp(badge["exp"], UTC).date() == last
    subject = badge["credentialSubject"]
    assert subject["identifier"][0]["identityHash"] == firm.learner.name
    assert subject["achievement"]["name"] == certificate["title"]
    assert subject["achievement"]["achievementType"] == "Competency"
    assert subject["result"][0]["value"] == "3"
    assert (
        subject["result"][0]["resultDescription"]
        == subject["achievement"]["resultDescription"][0]["id"]
    )
    issuer = made(await public(firm, badge["issuer"]["id"]), 200)
    assert IssuerProfile.model_validate(issuer)
    assert issuer == badge["issuer"]
    assert issuer["name"] == "Nordlys"
    proof = made(await public(firm, badge["id"]), 200)
    assert proof["valid"]


@pytest.mark.parametrize(
    ("form", "media_type"), [("badge", "application/vc+jwt"), ("print", "application/pdf")]
)
async def test_a_certificate_is_taken_along_by_whoever_takes_its_form(
    firm: Firm, form: str, media_type: str
):
    certificate = await certified(firm, "selling")
    path = f"/v1/certificates/{certificate['id']}/{form}"
    for accept, status in ((media_type, 200), ("application/*", 200), ("text/html", 406)):
        answer = await firm.learner.request("GET", path, headers={"Accept": accept})
        assert answer.status_code == status
        if status == 200:
            assert answer.headers["content-type"] == media_type
        else:
            assert media_type in answer.json()["detail"]


async def test_one_byte_changed_makes_a_badge_invalid(firm: Firm):
    token = await badge_of(firm.learner, await certified(firm, "selling", level=2))
    assert await verified(firm, token)
    head, body, signature = token.split(".")
    payload = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    forged = payload.replace(b'"value":"2"', b'"value":"5"')
    assert forged != payload
    other_body = base64.urlsafe_b64encode(forged).rstrip(b"=").decode()
    raw = bytearray(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)))
    raw[7] ^= 1
    other_signature = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    for changed in (f"{head}.{other_body}.{signature}", f"{head}.{body}.{other_signature}"):
        with pytest.raises(jwt.InvalidSignatureError):
            await verified(firm, changed)


async def test_a_badge_of_a_curriculum_has_no_level_and_no_end(firm: Firm):
    await certified(firm, "selling")
    of_curriculum = made(await firm.learner.get("/v1/certificates"), 200)["items"][0]
    assert of_curriculum["curriculum_id"] is not None
    badge = await verified(firm, await badge_of(firm.learner, of_curriculum))
    achievement = badge["credentialSubject"]["achievement"]
    assert achievement["achievementType"] == "CertificateOfCompletion"
    assert {"validUntil", "exp"}.isdisjoint(badge)
    assert "result" not in badge["credentialSubject"]


async def test_the_keys_are_published_without_what_signs(firm: Firm):
    keys = made(await public(firm, "/v1/public/keys"), 200)
    assert PublicKeys.model_validate(keys)
    for key in keys["keys"]:
        assert set(key) == {"kty", "n", "e", "kid", "alg", "use"}
        assert made(await public(firm, f"/v1/public/keys/{key['kid']}"), 200) == key
    assert (await public(firm, f"/v1/public/keys/{'x' * 43}")).status_code == 404


async def test_the_public_address_says_what_stands_on_the_certificate_and_nothing_else(firm: Firm):
    await policy(firm, competence="selling", valid_days=30)
    certificate = await certified(firm, "selling", level=2)
    path = f"/v1/public/certificates/{code(certificate)}"
    proof = made(await public(firm, path), 200)
    assert PublicCertificate.model_validate(proof)
    assert proof == {
        "valid": True,
        "state": "valid",
        "title": certificate["title"],
        "holder": firm.learner.name,
        "issuer": "Nordlys",
        "competence": "selling",
        "level": 2,
        "issued_on": certificate["issued_on"],
        "expires_on": certificate["expires_on"],
    }
    page = await public(firm, path, accept="text/html,*/*;q=0.8", **{"accept-language": "nb"})
    assert page.headers["content-type"].startswith("text/html")
    assert firm.learner.name in page.text
    assert str(firm.organization_id) not in page.text
    assert (await public(firm, path, accept="image/png")).status_code == 406

    why = {"reason": "Somebody else answered."}
    made(await firm.trainer.post(f"/v1/certificates/{certificate['id']}/revocation", why), 200)
    revoked = made(await public(firm, path), 200)
    assert (revoked["valid"], revoked["state"]) == (False, "revoked")
    assert why["reason"] not in json.dumps(revoked)
    gone = await public(firm, path, accept="text/html")
    assert gone.status_code == 200
    for form in ("badge", "print"):
        answer = await firm.learner.get(f"/v1/certificates/{certificate['id']}/{form}")
        assert answer.status_code == 409


async def test_what_somebody_wrote_is_text_on_the_page(firm: Firm):
    certificate = await certified(firm, "selling", title="<script>alert(1)</script> #evil")
    page = await public(firm, f"/v1/public/certificates/{code(certificate)}", accept="text/html")
    assert "<script>" not in page.text
    printed = await firm.learner.get(f"/v1/certificates/{certificate['id']}/print")
    assert printed.status_code == 200
    assert printed.content.startswith(b"%PDF-")


async def test_a_certificate_is_printed_by_whoever_may_see_it(firm: Firm):
    certificate = await certified(firm, "selling")
    path = f"/v1/certificates/{certificate['id']}"
    printed = await firm.learner.get(f"{path}/print")
    assert printed.headers["content-type"] == "application/pdf"
    assert (
        firm.learner.name.split()[1].encode()[:1] in printed.headers["content-disposition"].encode()
    )
    for form in ("print", "badge"):
        assert (await firm.seller.get(f"{path}/{form}")).status_code == 404


async def test_addresses_that_are_none_are_not_there(firm: Firm, stranger: Person):
    certificate = await certified(firm, "selling")
    right = code(certificate)
    elsewhere = code_of(stranger.organization_id, UUID(certificate["id"]))
    unused_bits = right[:-1] + chr(ord(right[-1]) + 1)
    for wrong in (elsewhere, code_of(firm.organization_id, new_id()), unused_bits):
        assert (await public(firm, f"/v1/public/certificates/{wrong}")).status_code == 404
    assert (await public(firm, "/v1/public/certificates/short")).status_code == 422
    assert (await public(firm, f"/v1/public/issuers/{new_id()}")).status_code == 404
    assert (await public(firm, "/v1/public/nothing")).status_code == 404


async def test_nothing_is_changed_where_nobody_says_who_they_are(firm: Firm):
    certificate = await certified(firm, "selling")
    path = f"/v1/public/certificates/{code(certificate)}"
    assert (await firm.product.client.post(path)).status_code == 401
    assert (await firm.product.client.delete(path)).status_code == 401
    assert (await firm.learner.post(path)).status_code == 405
