"""Signing in with a token of an identity provider: which tokens let whom in, and which let nobody in."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from prometheus_client import REGISTRY

from services.chassis.caller import Role
from services.gateway.domain.credential import BELIEVED_SECONDS
from services.gateway.issuers import KEPT_SECONDS, PAUSE_SECONDS
from tests.conftest import Firm, Person, Product, found_firm
from tests.gateway.issuer import AUDIENCE, CLIENT, Issuer, public_jwk, rsa_key, running_issuer


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa_key()


@pytest.fixture(scope="module")
def other_key() -> rsa.RSAPrivateKey:
    return rsa_key()


@pytest.fixture
async def issuer(key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Issuer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with running_issuer(key) as issuer:
        yield issuer


class Clock:
    """The gateway's clock, ahead of the real one by what a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def move(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


@pytest.fixture
def clock(product: Product) -> Iterator[Clock]:
    runtime = product.app.front.own.state.runtime
    real, moved = runtime.clock, Clock()
    runtime.clock = moved
    yield moved
    runtime.clock = real


async def trust(firm: Firm, issuer: Issuer, **fields: Any) -> dict[str, Any]:
    """Let the firm take the issuer's tokens."""
    body = {
        "name": "Issuer",
        "issuer": issuer.address,
        "audience": AUDIENCE,
        "client_ids": [CLIENT],
        "person_by": "external_id",
        **fields,
    }
    made = await firm.admin.post("/v1/identity-providers", body)
    assert made.status_code == 201, made.text
    provider: dict[str, Any] = made.json()
    return provider


async def hire(firm: Firm, subject: str = "subject-1", *roles: Role) -> Person:
    """Somebody whom the issuer knows by `subject`."""
    return await firm.hire("Inga Innlogget", *roles, external_id=subject)


async def come(firm: Firm, token: str, path: str = "/v1/me", **rest: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return await firm.product.client.request(
        rest.pop("method", "GET"), path, headers=headers, **rest
    )


def assert_refused(answer: httpx.Response, reason: str) -> None:
    assert answer.status_code == 401, answer.text
    body = answer.json()
    assert body["type"] == "/problems/unauthenticated"
    assert body["reason"] == reason
    assert answer.headers["www-authenticate"].startswith("Bearer")


def refusals(reason: str) -> float:
    return REGISTRY.get_sample_value("stafett_sign_in_refusals_total", {"reason": reason}) or 0.0


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class TestGoodTokens:
    async def test_an_access_token_lets_its_person_in(self, firm: Firm, issuer: Issuer) -> None:
        await trust(firm, issuer)
        person = await hire(firm, "subject-1", Role.seller)
        answer = await come(firm, issuer.token(issuer.claims()))
        assert answer.status_code == 200, answer.text
        assert answer.json()["person_id"] == str(person.id)
        assert answer.json()["roles"] == ["seller"]

    async def test_whoever_signed_in_reads_and_writes_in_every_service(
        self, firm: Firm, issuer: Issuer
    ) -> None:
        await trust(firm, issuer)
        await hire(firm, "subject-1", Role.seller)
        token = issuer.token(issuer.claims())
        made = await come(firm, token, "/v1/customers", method="POST", json={"name": "Fjord"})
        assert made.status_code == 201, made.text
        assert (await come(firm, token, "/v1/tools")).status_code == 200

    @pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "AT+JWT"])
    async def test_its_type_may_be_written_in_each_way(
        self, firm: Firm, issuer: Issuer, typ: str
    ) -> None:
        await trust(firm, issuer)
        await hire(firm)
        assert (await come(firm, issuer.token(issuer.claims(), typ=typ))).status_code == 200

    async def test_every_kind_of_key_is_taken_with_the_algorithms_that_the_issuer_names(
        self, firm: Firm, issuer: Issuer
    ) -> None:
        issuer.keys["curve"] = ec.generate_private_key(ec.SECP256R1())
        issuer.keys["edwards"] = ed25519.Ed25519PrivateKey.generate()
        await trust(firm, issuer)
        await hire(firm)
        for key_id, algorithm in (("curve", "ES256"), ("edwards", "EdDSA")):
            token = issuer.token(issuer.claims(), key_id=key_id, algorithm=algorithm)
            assert (await come(firm, token)).status_code == 200

    async def test_an_id_token_lets_its_person_in_where_they_are_taken(
        self, firm: Firm, issuer: Issuer
    ) -> None:
        await trust(firm, issuer, kind="id_token", audience=CLIENT, client_ids=[])
        await hire(firm)
        claims = issuer.claims(aud=CLIENT, client_id=None, jti=None)
        assert (await come(firm, issuer.token(claims, typ="JWT"))).status_code == 200
        several = {**claims, "aud": [CLIENT, "another"], "azp": CLIENT}
        assert (await come(firm, issuer.token(several, typ="JWT"))).status_code == 200

    @pytest.mark.parametrize("claim", ["azp", "appid", "client_id"])
    async def test_an_access_token_without_its_type_lets_in_by_a_named_client(
        self, firm: Firm, issuer: Issuer, claim: str
    ) -> None:
        await trust(firm, issuer, kind="untyped_access_token")
        await hire(firm)
        claims = {**issuer.claims(client_id=None, jti=None), claim: CLIENT}
        assert (await come(firm, issuer.token(claims, typ="JWT"))).status_code == 200

    async def test_clocks_may_be_a_minute_apart(self, firm: Firm, issuer: Issuer) -> None:
        await trust(firm, issuer)
        await hire(firm)
        now = int(time.time())
        late = issuer.claims(exp=now - 50, iat=now - 350)
        early = issuer.claims(iat=now + 50, nbf=now + 50)
        for claims in (late, early):
            assert (await come(firm, issuer.token(claims))).status_code == 200

    async def test_several_issuers_and_organizations_stand_side_by_side(
        self, product: Product, firm: Firm, issuer: Issuer, other_key: rsa.RSAPrivateKey
    ) -> None:
        other_firm = await found_firm(product, "Sydpol")
        mine, theirs = await hire(firm), await hire(other_firm)
        async with running_issuer(other_key) as other:
            await trust(firm, issuer)
            await trust(firm, other, name="Second")
            await trust(other_firm, issuer, audience="https://sydpol.example")
            for token, person in (
                (issuer.token(issuer.claims()), mine),
                (other.token(other.claims()), mine),
                (issuer.token(issuer.claims(aud=["https://sydpol.example"])), theirs),
            ):
                answer = await come(firm, token)
                assert answer.status_code == 200, answer.text
                assert answer.json()["person_id"] == str(person.id)

    async def test_a_key_made_with_a_token_ends_with_it(self, firm: Firm, issuer: Issuer) -> None:
        await trust(firm, issuer)
        await hire(firm)
        claims = issuer.claims()
        made = await come(
            firm, issuer.token(claims), "/v1/api-keys", method="POST", json={"name": "mine"}
        )
        assert made.status_code == 201, made.text
        ends = datetime.fromisoformat(made.json()["expires_at"])
        assert ends == datetime.fromtimestamp(claims["exp"], UTC)


class TestBadTokens:
    @pytest.fixture(autouse=True)
    async def trusted(self, firm: Firm, issuer: Issuer) -> None:
        await trust(firm, issuer)
        await hire(firm)
        assert (await come(firm, issuer.token(issuer.claims()))).status_code == 200

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            pytest.param({"aud": "https://other.example"}, "audience", id="another audience"),
            pytest.param({"aud": AUDIENCE + "/"}, "audience", id="nearly the audience"),
            pytest.param({"aud": None}, "audience", id="no audience"),
            pytest.param({"aud": {AUDIENCE: 1}}, "audience", id="an audience that is no text"),
            pytest.param({"iss": "https://evil.example"}, "issuer", id="another issuer"),
            pytest.param({"iss": None}, "unreadable", id="no issuer"),
            pytest.param({"iss": "\ud800"}, "unreadable", id="half a surrogate pair"),
            pytest.param({"sub": None}, "claims", id="no subject"),
            pytest.param({"sub": ""}, "claims", id="an empty subject"),
            pytest.param({"sub": "a\x00b"}, "claims", id="a subject with NUL"),
            pytest.param({"sub": "x" * 256}, "claims", id="a subject without end"),
            pytest.param({"exp": None}, "claims", id="no end"),
            pytest.param({"exp": 1e300}, "claims", id="an end beyond time"),
            pytest.param({"exp": 10**400}, "claims", id="an end beyond numbers"),
            pytest.param({"exp": float("inf")}, "claims", id="an end that is none"),
            pytest.param({"exp": True}, "claims", id="an end that is no number"),
            pytest.param({"iat": None}, "claims", id="no beginning"),
            pytest.param({"jti": None}, "claims", id="no id"),
            pytest.param({"client_id": "another-app"}, "client", id="another client"),
            pytest.param({"client_id": None}, "client", id="no client"),
            pytest.param({"sub": "somebody-else"}, "nobody", id="somebody unknown"),
        ],
    )
    async def test_what_it_says(
        self, firm: Firm, issuer: Issuer, changed: dict[str, Any], reason: str
    ) -> None:
        before = refusals(reason)
        assert_refused(await come(firm, issuer.token(issuer.claims(**changed))), reason)
        assert refusals(reason) == before + 1

    async def test_expired_or_not_yet_valid(self, firm: Firm, issuer: Issuer) -> None:
        now = int(time.time())
        for changed, reason in (
            ({"exp": now - 61}, "expired"),
            ({"nbf": now + 90}, "not_yet_valid"),
            ({"iat": now + 90}, "not_yet_valid"),
        ):
            assert_refused(await come(firm, issuer.token(issuer.claims(**changed))), reason)

    async def test_signed_by_a_foreign_key(
        self, firm: Firm, issuer: Issuer, other_key: rsa.RSAPrivateKey
    ) -> None:
        assert_refused(await come(firm, issuer.token(issuer.claims(), key=other_key)), "signature")

    async def test_signed_with_no_key_id_or_an_unknown_one(
        self, firm: Firm, issuer: Issuer, other_key: rsa.RSAPrivateKey
    ) -> None:
        claims = issuer.claims()
        assert_refused(await come(firm, issuer.token(claims, key_id=None)), "no_key_id")
        unknown = issuer.token(claims, key_id="unknown", key=other_key)
        assert_refused(await come(firm, unknown), "unknown_key")

    async def test_not_signed_at_all(self, firm: Firm, issuer: Issuer) -> None:
        for algorithm in ("none", "None", "NONE", "nOnE"):
            header = {"alg": algorithm, "typ": "at+jwt", "kid": "first"}
            for signature in ("", part(b"x" * 256)):
                token = f"{part(header)}.{part(issuer.claims())}.{signature}"
                assert_refused(await come(firm, token), "algorithm")

    async def test_signed_with_the_public_key_as_a_secret(
        self, firm: Firm, issuer: Issuer, key: rsa.RSAPrivateKey
    ) -> None:
        pem = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        signed = (
            part({"alg": "HS256", "typ": "at+jwt", "kid": "first"}) + "." + part(issuer.claims())
        )
        signature = hmac.new(pem, signed.encode(), hashlib.sha256).digest()
        assert_refused(await come(firm, f"{signed}.{part(signature)}"), "algorithm")

    async def test_signed_with_an_algorithm_that_the_issuer_does_not_use(
        self, firm: Firm, issuer: Issuer
    ) -> None:
        for algorithm in ("RS512", "PS256"):
            token = issuer.token(issuer.claims(), algorithm=algorithm)
            assert_refused(await come(firm, token), "algorithm")

    async def test_an_algorithm_that_does_not_fit_the_key(self, firm: Firm, issuer: Issuer) -> None:
        curve = ec.generate_private_key(ec.SECP256R1())
        token = issuer.token(issuer.claims(), key=curve, algorithm="ES256")
        assert_refused(await come(firm, token), "signature")

    async def test_changed_on_the_way(self, firm: Firm, issuer: Issuer) -> None:
        boss = await firm.hire("Berit Boss", Role.admin, external_id="boss")
        assert boss.id
        header, _, signature = issuer.token(issuer.claims()).split(".")
        token = f"{header}.{part(issuer.claims(sub='boss'))}.{signature}"
        assert_refused(await come(firm, token), "signature")

    async def test_of_another_type(self, firm: Firm, issuer: Issuer) -> None:
        for typ in ("JWT", "dpop+jwt", "logout+jwt", None):
            assert_refused(await come(firm, issuer.token(issuer.claims(), typ=typ)), "type")

    @pytest.mark.parametrize(
        "token",
        [
            "a.b.c",
            "..",
            "e30.e30.",
            "e30.W10.e30",
            f"{part([])}.{part({})}.{part({})}",
            f"{part({'alg': 'RS256', 'kid': 'first', 'crit': ['b64'], 'b64': False})}.{part({})}.e30",
            f"{part({'alg': ['RS256'], 'kid': 'first'})}.{part({'iss': 'x'})}.e30",
            f"{part({'alg': 'RS256', 'kid': 'first'})}.{part(b'[' * 9000)}.e30",
            "a." + "b" * 20_000 + ".c",
        ],
    )
    async def test_rubbish(self, firm: Firm, token: str) -> None:
        answer = await come(firm, token)
        assert answer.status_code == 401
        assert answer.json()["reason"] in ("unreadable", "algorithm")

    async def test_where_it_is_told_in_the_readers_language(
        self, firm: Firm, issuer: Issuer
    ) -> None:
        token = issuer.token(issuer.claims(exp=int(time.time()) - 100))
        answer = await firm.product.client.get(
            "/v1/me", headers={"Authorization": f"Bearer {token}", "Accept-Language": "nb"}
        )
        assert "utløpt" in answer.json()["detail"]


class TestIdTokensThatAreNotForUs:
    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            pytest.param({"aud": "another-client"}, "audience", id="of another client"),
            pytest.param({"azp": "another-client"}, "client", id="got by another client"),
            pytest.param({"aud": [CLIENT, "another"]}, "client", id="for several, got by nobody"),
            pytest.param({"events": {"logout": {}}}, "type", id="that logs somebody out"),
        ],
    )
    async def test_they_let_nobody_in(
        self, firm: Firm, issuer: Issuer, changed: dict[str, Any], reason: str
    ) -> None:
        await trust(firm, issuer, kind="id_token", audience=CLIENT, client_ids=[])
        await hire(firm)
        claims = {**issuer.claims(aud=CLIENT, client_id=None), **changed}
        assert_refused(await come(firm, issuer.token(claims, typ="JWT")), reason)

    async def test_an_access_token_is_no_id_token(self, firm: Firm, issuer: Issuer) -> None:
        await trust(firm, issuer, kind="id_token", audience=CLIENT, client_ids=[])
        await hire(firm)
        assert_refused(await come(firm, issuer.token(issuer.claims(aud=CLIENT))), "type")


class TestWhoStandsBehindASubject:
    async def test_the_first_time_ties_it_once_and_is_told(
        self, firm: Firm, issuer: Issuer
    ) -> None:
        provider = await trust(firm, issuer, person_by="email")
        person = await firm.hire("Inga", email="Inga@firm.example")
        claims = issuer.claims(email="inga@FIRM.example", email_verified=True)
        tokens = [issuer.token({**claims, "jti": str(n)}) for n in range(4)]
        answers = await asyncio.gather(*(come(firm, token) for token in tokens))
        assert [answer.status_code for answer in answers] == [200] * 4
        told = (await firm.admin.get("/v1/events", type="subject.tied")).json()["items"]
        [event] = [e for e in told if e["data"]["identity_provider_id"] == provider["id"]]
        assert event["subject"] == f"people/{person.id}"
        assert event["data"]["subject"] == "subject-1"
        # From now on the subject counts, whatever address comes along.
        later = issuer.token(issuer.claims(email="other@firm.example", email_verified=False))
        assert (await come(firm, later)).json()["person_id"] == str(person.id)

    @pytest.mark.parametrize("verified", [False, None, 1, "false"])
    async def test_an_address_that_is_not_verified_ties_nobody(
        self, firm: Firm, issuer: Issuer, verified: Any
    ) -> None:
        await trust(firm, issuer, person_by="email")
        await firm.hire("Inga", email="inga2@firm.example")
        claims = issuer.claims(email="inga2@firm.example", email_verified=verified)
        assert_refused(await come(firm, issuer.token(claims)), "nobody")

    async def test_who_gets_the_address_of_somebody_else_does_not_get_in_as_them(
        self, firm: Firm, issuer: Issuer
    ) -> None:
        await trust(firm, issuer, person_by="email")
        await firm.hire("Inga", email="inga3@firm.example")
        told = {"email": "inga3@firm.example", "email_verified": True}
        assert (await come(firm, issuer.token(issuer.claims(**told)))).status_code == 200
        second = issuer.token(issuer.claims(sub="subject-2", **told))
        assert_refused(await come(firm, second), "tied_to_another")

    async def test_a_person_may_be_found_by_a_claim_of_any_name(
        self, firm: Firm, issuer: Issuer
    ) -> None:
        await trust(firm, issuer, person_claim="/ext/oid")
        person = await hire(firm, "oid-7")
        answer = await come(firm, issuer.token(issuer.claims(ext={"oid": "oid-7"})))
        assert answer.json()["person_id"] == str(person.id)
        for ext in (None, {}, "oid-7", {"oid": 7}, {"oid": " "}, {"oid": "\ud800"}):
            token = issuer.token(issuer.claims(sub="x", ext=ext))
            assert_refused(await come(firm, token), "nobody")

    async def test_an_admin_ties_and_unties(self, firm: Firm, issuer: Issuer) -> None:
        provider = await trust(firm, issuer, person_by="subject")
        path = f"/v1/identity-providers/{provider['id']}/subjects"
        token = issuer.token(issuer.claims())
        await hire(firm)
        assert_refused(await come(firm, token), "nobody")
        body = {"subject": "subject-1", "person_id": str(firm.learner.id)}
        tied = await firm.admin.post(path, body)
        assert tied.status_code == 201
        assert (await come(firm, token)).json()["person_id"] == str(firm.learner.id)
        assert (await firm.admin.post(path, body)).status_code == 409
        shown = (await firm.admin.get(path, person_id=str(firm.learner.id))).json()["items"]
        assert [one["subject"] for one in shown] == ["subject-1"]
        assert (await firm.admin.delete(tied.headers["location"])).status_code == 204
        await asyncio.sleep(BELIEVED_SECONDS + 0.05)
        assert_refused(await come(firm, token), "nobody")

    async def test_who_is_no_longer_active_is_locked_out_within_a_second(
        self, firm: Firm, issuer: Issuer
    ) -> None:
        await trust(firm, issuer)
        person = await hire(firm)
        token = issuer.token(issuer.claims())
        assert (await come(firm, token)).status_code == 200
        await firm.admin.patch(f"/v1/people/{person.id}", {"active": False})
        await asyncio.sleep(BELIEVED_SECONDS + 0.05)
        assert_refused(await come(firm, token), "nobody")

    async def test_who_is_not_active_is_not_tied(self, firm: Firm, issuer: Issuer) -> None:
        await trust(firm, issuer)
        await firm.hire("Leif", external_id="subject-1", active=False)
        assert_refused(await come(firm, issuer.token(issuer.claims())), "nobody")


class TestRolesFromAClaim:
    async def test_they_take_the_place_of_those_in_the_directory(
        self, firm: Firm, issuer: Issuer
    ) -> None:
        await trust(firm, issuer, roles_claim="roles")
        await hire(firm, "subject-1", Role.admin)
        for number, (roles, expected) in enumerate(
            (
                (["seller", "unknown", 3], ["seller"]),
                ("trainer", ["trainer"]),
                (None, []),
                ({"admin": 1}, []),
            )
        ):
            token = issuer.token(issuer.claims(roles=roles, jti=str(number)))
            assert (await come(firm, token)).json()["roles"] == expected

    async def test_they_may_go_by_other_names_and_lie_deeper(
        self, firm: Firm, issuer: Issuer
    ) -> None:
        await trust(
            firm,
            issuer,
            roles_claim="/realm_access/roles",
            role_names={"stafett-leads": "delivery"},
        )
        await hire(firm)
        token = issuer.token(issuer.claims(realm_access={"roles": ["admin", "stafett-leads"]}))
        assert (await come(firm, token)).json()["roles"] == ["delivery"]


class TestKeysThatChange:
    async def test_a_new_key_is_known_without_a_restart_and_an_old_one_goes(
        self, firm: Firm, issuer: Issuer, clock: Clock, other_key: rsa.RSAPrivateKey
    ) -> None:
        await trust(firm, issuer)
        await hire(firm)
        old = issuer.token(issuer.claims(exp=int(time.time()) + 3600))
        assert (await come(firm, old)).status_code == 200
        issuer.keys = {"second": other_key}
        clock.move(PAUSE_SECONDS)
        new = issuer.token(issuer.claims(), key_id="second")
        assert (await come(firm, new)).status_code == 200
        assert_refused(await come(firm, old), "unknown_key")

    async def test_unknown_keys_make_nobody_ask_more_than_once_in_ten_seconds(
        self, firm: Firm, issuer: Issuer, clock: Clock, other_key: rsa.RSAPrivateKey
    ) -> None:
        await trust(firm, issuer)
        await hire(firm)
        tokens = [
            issuer.token(issuer.claims(), key_id=f"made-up-{n}", key=other_key) for n in range(20)
        ]
        answers = await asyncio.gather(*(come(firm, token) for token in tokens))
        assert {answer.status_code for answer in answers} == {401}
        assert issuer.asked == {"discovery": 1, "keys": 1}
        clock.move(PAUSE_SECONDS - 1)
        assert_refused(await come(firm, tokens[0]), "unknown_key")
        assert issuer.asked["keys"] == 1
        clock.move(1)
        assert_refused(await come(firm, tokens[0]), "unknown_key")
        assert issuer.asked["keys"] == 2

    async def test_a_thousand_good_tokens_need_one_look(self, firm: Firm, issuer: Issuer) -> None:
        await trust(firm, issuer)
        await hire(firm)
        for number in range(10):
            token = issuer.token(issuer.claims(jti=str(number)))
            assert (await come(firm, token)).status_code == 200
        assert issuer.asked == {"discovery": 1, "keys": 1}

    async def test_an_issuer_that_is_not_configured_is_never_asked(
        self, firm: Firm, issuer: Issuer
    ) -> None:
        assert_refused(await come(firm, issuer.token(issuer.claims())), "issuer")
        assert issuer.asked == {"discovery": 0, "keys": 0}

    async def test_keys_that_are_not_for_signing_or_too_short_open_nothing(
        self, firm: Firm, issuer: Issuer, key: rsa.RSAPrivateKey
    ) -> None:
        short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        curve = ec.generate_private_key(ec.SECP256R1())
        issuer.key_set = {
            "keys": [
                public_jwk(key, "for-encryption", use="enc"),
                public_jwk(key, "for-signing", key_ops=["sign"]),
                public_jwk(short, "short"),
                {"kty": "oct", "kid": "secret", "k": part(b"secret" * 8)},
                {"kty": "RSA", "kid": "broken", "n": "!" * 400, "e": "AQAB"},
                {"kty": "AKP", "kid": "of tomorrow"},
                {"kty": ["RSA"], "kid": "strange"},
                {"kty": "RSA", "kid": "without a modulus", "e": "AQAB"},
                public_jwk(key, "that does nothing", key_ops=7),
                {"kty": "RSA"},
                "no key at all",
                public_jwk(curve, "curve"),
            ]
        }
        await trust(firm, issuer)
        await hire(firm)
        good = issuer.token(issuer.claims(), key_id="curve", key=curve, algorithm="ES256")
        assert (await come(firm, good)).status_code == 200
        for key_id, signing in (("for-encryption", key), ("for-signing", key), ("broken", key)):
            token = issuer.token(issuer.claims(), key_id=key_id, key=signing)
            assert_refused(await come(firm, token), "unknown_key")


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert 1 <= int(answer.headers["retry-after"]) <= 11
    assert "127.0.0.1" not in answer.text


class TestIssuersThatDoNotAnswer:
    async def test_others_and_api_keys_are_not_touched_and_it_is_asked_again(
        self, firm: Firm, issuer: Issuer, clock: Clock, other_key: rsa.RSAPrivateKey
    ) -> None:
        await hire(firm)
        issuer.status = 500
        async with running_issuer(other_key) as other:
            await trust(firm, issuer)
            await trust(firm, other)
            token = issuer.token(issuer.claims())
            for _ in range(3):
                assert_unavailable(await come(firm, token))
            assert issuer.asked["discovery"] == 1
            assert (await come(firm, other.token(other.claims()))).status_code == 200
            assert (await firm.seller.get("/v1/me")).status_code == 200
            issuer.status = 200
            clock.move(PAUSE_SECONDS)
            assert (await come(firm, token)).status_code == 200

    async def test_known_keys_stand_in_for_an_hour(
        self, firm: Firm, issuer: Issuer, clock: Clock, other_key: rsa.RSAPrivateKey
    ) -> None:
        await trust(firm, issuer)
        await hire(firm)
        token = issuer.token(issuer.claims(exp=int(time.time()) + 9000))
        assert (await come(firm, token)).status_code == 200
        issuer.status = 404
        clock.move(KEPT_SECONDS - 10)
        assert (await come(firm, token)).status_code == 200
        clock.move(PAUSE_SECONDS + 1)
        assert_unavailable(await come(firm, token))
        unknown = issuer.token(
            issuer.claims(exp=int(time.time()) + 9000), key_id="x", key=other_key
        )
        assert_unavailable(await come(firm, unknown))

    @pytest.mark.parametrize(
        "metadata",
        [
            {"issuer": "https://another.example"},
            {"jwks_uri": None},
            {"jwks_uri": "file:///etc/passwd"},
            {"id_token_signing_alg_values_supported": ["HS256", "none"]},
            {"padding": "x" * 1_100_000},
        ],
    )
    async def test_what_is_no_discovery_document_is_as_good_as_none(
        self, firm: Firm, issuer: Issuer, metadata: dict[str, Any]
    ) -> None:
        issuer.metadata = metadata
        await trust(firm, issuer)
        await hire(firm)
        assert_unavailable(await come(firm, issuer.token(issuer.claims())))

    @pytest.mark.parametrize("key_set", [[], {"keys": "none"}, {"keys": []}])
    async def test_what_is_no_key_set_is_as_good_as_none(
        self, firm: Firm, issuer: Issuer, key_set: Any
    ) -> None:
        issuer.key_set = key_set
        await trust(firm, issuer)
        await hire(firm)
        assert_unavailable(await come(firm, issuer.token(issuer.claims())))

    async def test_nobody_listens_there(self, firm: Firm, issuer: Issuer) -> None:
        await hire(firm)
        gone = Issuer("http://127.0.0.1:9", issuer.keys)
        await trust(firm, gone)
        assert_unavailable(await come(firm, gone.token(gone.claims())))


async def test_a_token_for_two_organizations_at_once_lets_into_neither(
    product: Product, firm: Firm, issuer: Issuer
) -> None:
    other_firm = await found_firm(product, "Sydpol")
    await trust(firm, issuer)
    await trust(other_firm, issuer, audience="https://sydpol.example")
    await hire(firm)
    await hire(other_firm)
    token = issuer.token(issuer.claims(aud=[AUDIENCE, "https://sydpol.example"]))
    assert_refused(await come(firm, token), "ambiguous")


async def test_a_provider_that_is_switched_off_lets_nobody_in(firm: Firm, issuer: Issuer) -> None:
    provider = await trust(firm, issuer)
    await hire(firm)
    token = issuer.token(issuer.claims())
    assert (await come(firm, token)).status_code == 200
    await firm.admin.patch(f"/v1/identity-providers/{provider['id']}", {"active": False})
    await asyncio.sleep(BELIEVED_SECONDS + 0.05)
    assert_refused(await come(firm, token), "issuer")
