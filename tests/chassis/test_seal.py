"""The key with which the installation signs for outsiders: made once, told apart, replaced without losing what was signed."""

from pathlib import Path

import jwt

from services.chassis.seal import Seal


def test_it_is_made_once_and_only_its_owner_reads_it(tmp_path: Path):
    seal = Seal(tmp_path)
    assert seal.key_id == Seal(tmp_path).key_id
    assert (tmp_path / "seal.key").stat().st_mode & 0o077 == 0


def test_what_an_earlier_key_signed_is_verified_after_a_new_one_took_its_place(tmp_path: Path):
    before = Seal(tmp_path)
    token = before.sign({"typ": "JWT"}, {"jti": "urn:1"})
    (tmp_path / "seal.pub").rename(tmp_path / "seal-2026.pub")
    (tmp_path / "seal.key").unlink()
    after = Seal(tmp_path)
    assert after.key_id != before.key_id
    keys = after.public_keys()
    assert list(keys) == [after.key_id, before.key_id]
    assert jwt.decode(token, jwt.PyJWK(keys[before.key_id]), algorithms=["RS256"])["jti"] == "urn:1"
    assert all("d" not in key for key in keys.values())
