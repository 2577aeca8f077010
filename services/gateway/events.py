"""The facts that the gateway publishes. People and teams carry their whole state: the services keep copies."""

from collections.abc import Mapping
from typing import Any

from services.chassis.events import Event
from services.gateway.domain.api_key import ApiKey
from services.gateway.domain.identity_provider import IdentityProvider, TiedSubject
from services.gateway.domain.organization import Organization
from services.gateway.domain.person import Person
from services.gateway.domain.team import Team

Changes = Mapping[str, Any]


def organization_created(organization: Organization) -> Event:
    """An organization came to be."""
    return Event(
        "organization.created",
        f"organizations/{organization.id}",
        {"organization": organization.card()},
        after={"name": organization.name},
    )


def organization_changed(organization: Organization, before: Changes, after: Changes) -> Event:
    """Name, locale, time zone, country, working days or holidays changed."""
    card = {**organization.card(), "version": organization.version + 1}
    return Event(
        "organization.changed",
        f"organizations/{organization.id}",
        {"organization": card},
        before,
        after,
    )


def person_created(person: Person) -> Event:
    """Somebody became known."""
    return Event("person.created", f"people/{person.id}", {"person": person.card()})


def person_changed(person: Person, before: Changes, after: Changes) -> Event:
    """Something about a person changed, their being active among it."""
    # The version that the change will have when it is written.
    card = {**person.card(), "version": person.version + 1}
    return Event("person.changed", f"people/{person.id}", {"person": card}, before, after)


def _team(team: Team) -> dict[str, Any]:
    return {
        "team": {
            "id": str(team.id),
            "name": team.name,
            "lead_id": None if team.lead_id is None else str(team.lead_id),
        }
    }


def team_created(team: Team) -> Event:
    """A team came to be."""
    return Event("team.created", f"teams/{team.id}", _team(team))


def team_changed(team: Team, before: Changes, after: Changes) -> Event:
    """A team got another name or lead."""
    return Event("team.changed", f"teams/{team.id}", _team(team), before, after)


def team_deleted(team: Team) -> Event:
    """A team is no more; nobody was in it."""
    return Event("team.deleted", f"teams/{team.id}", _team(team))


def api_key_created(key: ApiKey) -> Event:
    """A key was given out. Neither it nor its hash is told."""
    return Event(
        "api-key.created",
        f"api-keys/{key.id}",
        after={
            "name": key.name,
            "person_id": key.person_id,
            "scopes": key.scopes,
            "expires_at": key.expires_at,
        },
    )


def api_key_revoked(key: ApiKey) -> Event:
    """A key was ended."""
    return Event(
        "api-key.revoked",
        f"api-keys/{key.id}",
        {"person_id": key.person_id},
        after={"revoked_at": key.revoked_at},
    )


def identity_provider_created(provider: IdentityProvider) -> Event:
    """Tokens of an issuer let people in from now on."""
    return Event(
        "identity-provider.created", f"identity-providers/{provider.id}", after=provider.card()
    )


def identity_provider_changed(provider: IdentityProvider, before: Changes, after: Changes) -> Event:
    """Which tokens are taken, how people are found, or whence their roles come changed."""
    return Event(
        "identity-provider.changed",
        f"identity-providers/{provider.id}",
        before=before,
        after=after,
    )


def identity_provider_deleted(provider: IdentityProvider) -> Event:
    """Tokens of an issuer let nobody in any more, and its subjects stand for nobody."""
    return Event(
        "identity-provider.deleted", f"identity-providers/{provider.id}", before=provider.card()
    )


def _tied(tied: TiedSubject, provider: IdentityProvider) -> dict[str, Any]:
    return {
        "person_id": str(tied.person_id),
        "identity_provider_id": str(provider.id),
        "issuer": provider.issuer,
        "subject": tied.subject,
    }


def subject_tied(tied: TiedSubject, provider: IdentityProvider) -> Event:
    """An issuer's subject stands for a person: they came for the first time, or an admin said so."""
    return Event("subject.tied", f"people/{tied.person_id}", _tied(tied, provider))


def subject_untied(tied: TiedSubject, provider: IdentityProvider) -> Event:
    """An issuer's subject stands for nobody any more."""
    return Event("subject.untied", f"people/{tied.person_id}", _tied(tied, provider))
