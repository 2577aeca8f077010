"""Internal tokens: who asks, for one service, for a minute, signed by who may say so. And the keys behind them."""

import base64
import hmac
import json
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey
from joserfc.jwt import encode

from services.chassis.caller import Caller, Follower, Role, Scope
from services.chassis.errors import Unauthenticated
from services.chassis.internal_token import LIFETIME_SECONDS, TokenVerifier, issue_for
from services.chassis.keyring import Keyring, make_pair
from services.chassis.tables import new_id
from tests.conftest import Firm, Product

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
CALLER = Caller(new_id(), new_id(), "Åse", frozenset({Role.seller, Role.admin}), new_id())


@pytest.fixture
def keys(tmp_path: Path) -> Callable[[str], Keyring]:
    """The keyring of a service; all of them share a folder."""
    return lambda service: Keyring.open(tmp_path, service)


@pytest.fixture
def verifier(keys: Callable[[str], Keyring]) -> TokenVerifier:
    return TokenVerifier(keys("handover"), "handover", lambda: NOW)


Keys = Callable[[str], Keyring]


def test_a_person_is_told_as_the_gateway_vouched_for_them(
    keys: Keys, verifier: TokenVerifier
) -> None:
    for caller in (
        CALLER,
        replace(CALLER, team_id=None, roles=frozenset()),
        replace(CALLER, scopes=frozenset({Scope.read}), ends_at=NOW + timedelta(microseconds=7)),
    ):
        assert verifier.verify(issue_for(keys("gateway"), caller, "handover", NOW)) == caller


def test_a_service_is_told_as_itself(keys: Keys, verifier: TokenVerifier) -> None:
    token = issue_for(keys("onboarding"), Follower("onboarding"), "handover", NOW)
    assert verifier.verify(token) == Follower("onboarding")


def refused(verifier: TokenVerifier, token: str) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(token)


def test_a_token_for_another_service_is_refused(keys: Keys, verifier: TokenVerifier) -> None:
    refused(verifier, issue_for(keys("gateway"), CALLER, "onboarding", NOW))


def test_a_token_ends_after_a_minute_also_when_it_was_seen_before(keys: Keys) -> None:
    moment = NOW
    verifier = TokenVerifier(keys("handover"), "handover", lambda: moment)
    token = issue_for(keys("gateway"), CALLER, "handover", NOW)
    for seconds in (0, 1, LIFETIME_SECONDS - 1):
        moment = NOW + timedelta(seconds=seconds)
        assert verifier.verify(token) == CALLER
    for seconds in (LIFETIME_SECONDS, LIFETIME_SECONDS + 1, 3600):
        moment = NOW + timedelta(seconds=seconds)
        refused(verifier, token)


def test_only_the_gateway_speaks_for_persons(keys: Keys, verifier: TokenVerifier) -> None:
    for service in ("onboarding", "handover"):
        refused(verifier, issue_for(keys(service), CALLER, "handover", NOW))


def test_nobody_speaks_for_another_service(keys: Keys, verifier: TokenVerifier) -> None:
    for service in ("gateway", "onboarding"):
        refused(verifier, issue_for(keys(service), Follower("handover"), "handover", NOW))


def claims(**changed: Any) -> dict[str, Any]:
    moment = int(NOW.timestamp())
    whole = {
        "iss": "gateway",
        "aud": "handover",
        "iat": moment,
        "exp": moment + 60,
        "sub": str(CALLER.person_id),
        "org": str(CALLER.organization_id),
        "name": "Åse",
        "roles": ["admin"],
        "team": None,
        "scopes": ["read"],
        "ends": None,
    }
    return {k: v for k, v in {**whole, **changed}.items() if v != "LEFT OUT"}


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_token_that_is_whole_is_believed(keys: Keys, verifier: TokenVerifier) -> None:
    who = verifier.verify(keys("gateway").sign(claims()))
    assert isinstance(who, Caller)
    assert who.roles == {Role.admin}


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": "LEFT OUT"},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": 9999999999.5},
        {"exp": True},
        {"aud": "LEFT OUT"},
        {"aud": ["handover"]},
        {"sub": "LEFT OUT"},
        {"sub": "nobody"},
        {"sub": "service:gateway2"},
        {"org": "LEFT OUT"},
        {"org": "x"},
        {"org": None},
        {"org": 7},
        {"name": "LEFT OUT"},
        {"roles": "LEFT OUT"},
        {"roles": ["king"]},
        {"roles": None},
        {"roles": 7},
        {"team": "LEFT OUT"},
        {"team": "x"},
        {"scopes": "LEFT OUT"},
        {"scopes": ["everything"]},
        {"ends": "LEFT OUT"},
        {"ends": 7},
    ],
)
def test_a_token_that_is_not_whole_is_refused_though_it_is_signed(
    keys: Keys, verifier: TokenVerifier, changed: dict[str, Any]
) -> None:
    refused(verifier, keys("gateway").sign(claims(**changed)))


def test_a_token_that_nobody_of_ours_signed_is_refused(
    keys: Keys, verifier: TokenVerifier, tmp_path: Path
) -> None:
    genuine = keys("gateway").sign(claims())
    header, payload, signature = genuine.split(".")
    public = (tmp_path / "gateway.pub").read_bytes()
    strange = OKPKey.generate_key("Ed25519")
    stronger = part({**claims(), "roles": ["admin", "manager"]})
    forged = [
        f"{part({'alg': 'none'})}.{payload}.",
        f"{part({'alg': 'None', 'typ': 'at+jwt'})}.{payload}.",
        f"{part({'alg': 'none'})}.{payload}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}.{'A' * len(signature)}",
        f"{header}.{stronger}.{signature}",
        f"{part({'alg': 'EdDSA'})}.{payload}.{signature}",
        f"{part({'alg': 'Ed25519', 'crit': ['x'], 'x': 1})}.{payload}.{signature}",
        encode({"alg": "Ed25519"}, claims(), strange, algorithms=["Ed25519"]),
        # The public key is known: it must not serve as the secret of a symmetric signature.
        _symmetric(public, f"{part({'alg': 'HS256'})}.{payload}"),
        encode(
            {"alg": "Ed25519", "jwk": strange.as_dict(private=False)},
            claims(),
            strange,
            algorithms=["Ed25519"],
        ),
        keys("onboarding").sign(claims()),
    ]
    for token in forged:
        refused(verifier, token)
    assert verifier.verify(genuine)


def _symmetric(secret: bytes, signed: str) -> str:
    digest = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def test_a_token_of_an_issuer_that_is_no_service_is_refused(
    keys: Keys, verifier: TokenVerifier, tmp_path: Path
) -> None:
    make_pair(tmp_path, "stranger")
    for issuer in ("stranger", "../keys/gateway", "", None, 7, ["gateway"], {"a": 1}):
        token = encode(
            {"alg": "Ed25519"},
            claims(iss=issuer),
            OKPKey.import_key((tmp_path / "stranger.key").read_bytes()),
            algorithms=["Ed25519"],
        )
        refused(verifier, token)


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "...", "a.b.c", "x" * 10_000, "ø.ø.ø", "e30.e30.e30", "e30.W10.", "stf_abc"],
)
def test_what_is_no_token_is_refused(keys: Keys, verifier: TokenVerifier, token: str) -> None:
    keys("gateway")
    refused(verifier, token)


async def test_a_service_answers_forged_and_misdirected_tokens_with_401(
    firm: Firm, product: Product
) -> None:
    import httpx

    gateway = product.app.front.own.state.runtime.keyring
    now = datetime.now(UTC)
    caller = Caller(firm.organization_id, firm.seller.id, "x", frozenset(Role))
    transport = httpx.ASGITransport(product.app.handover, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://handover") as client:
        for path, token, status in (
            ("/v1/handovers", issue_for(gateway, caller, "handover", now), 200),
            ("/v1/handovers", issue_for(gateway, caller, "onboarding", now), 401),
            ("/v1/handovers", issue_for(gateway, Follower("gateway"), "handover", now), 401),
            ("/internal/events", issue_for(gateway, Follower("gateway"), "handover", now), 200),
            ("/internal/events", issue_for(gateway, caller, "handover", now), 401),
            ("/internal/openapi.json", issue_for(gateway, caller, "handover", now), 401),
            ("/internal/organization-events", issue_for(gateway, caller, "handover", now), 200),
            (
                "/internal/organization-events",
                issue_for(gateway, Follower("gateway"), "handover", now),
                401,
            ),
            ("/v1/handovers", firm.seller.key, 401),
            ("/v1/handovers", "", 401),
        ):
            answer = await client.get(path, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status, path
        assert (await client.get("/v1/handovers")).status_code == 401


class TestKeyFiles:
    def test_the_private_one_is_its_owners_alone(self, tmp_path: Path) -> None:
        folder = tmp_path / "new" / "keys"
        make_pair(folder, "gateway")
        assert stat.S_IMODE((folder / "gateway.key").stat().st_mode) == 0o600
        assert stat.S_IMODE((folder / "gateway.pub").stat().st_mode) == 0o644
        assert sorted(file.name for file in folder.iterdir()) == ["gateway.key", "gateway.pub"]
        assert b"PRIVATE" not in (folder / "gateway.pub").read_bytes()

    def test_a_pair_that_is_there_stays(self, tmp_path: Path) -> None:
        make_pair(tmp_path, "gateway")
        before = (tmp_path / "gateway.key").read_bytes()
        make_pair(tmp_path, "gateway")
        assert (tmp_path / "gateway.key").read_bytes() == before

    def test_a_public_one_that_is_missing_is_made_of_the_private_one(self, tmp_path: Path) -> None:
        make_pair(tmp_path, "gateway")
        before = (tmp_path / "gateway.pub").read_bytes()
        (tmp_path / "gateway.pub").unlink()
        make_pair(tmp_path, "gateway")
        assert (tmp_path / "gateway.pub").read_bytes() == before

    def test_what_a_crash_has_left_behind_is_no_hindrance(self, tmp_path: Path) -> None:
        import os

        for name in (f".gateway.{os.getpid()}", ".tmpx"):
            (tmp_path / name).write_bytes(b"half a key")
        make_pair(tmp_path, "gateway")
        assert Keyring.open(tmp_path, "gateway").sign({})

    def test_many_threads_at_once_make_one_pair(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: make_pair(tmp_path, "gateway"), range(16)))
        self._is_one_pair(tmp_path)

    def test_many_processes_at_once_make_one_pair(self, tmp_path: Path) -> None:
        with get_context("spawn").Pool(3) as processes:
            processes.starmap(make_pair, [(tmp_path, "gateway")] * 6)
        self._is_one_pair(tmp_path)

    @staticmethod
    def _is_one_pair(folder: Path) -> None:
        assert sorted(file.name for file in folder.iterdir()) == ["gateway.key", "gateway.pub"]
        keyring = Keyring.open(folder, "gateway")
        assert keyring.verify(keyring.sign({"a": 1}), "gateway")["a"] == 1

    def test_who_has_no_public_key_is_not_believed(self, tmp_path: Path) -> None:
        keyring = Keyring.open(tmp_path, "handover")
        with pytest.raises(Unauthenticated):
            keyring.verify("a.b.c", "gateway")
