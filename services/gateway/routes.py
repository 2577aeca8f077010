"""Where to go: public path → service. The one table that knows how many services there are."""

from collections.abc import Mapping

# After `/v1/`. `*` stands for one segment, and a pattern covers everything below it. The longest pattern decides.
TABLE: Mapping[str, str] = {
    "api-keys": "gateway",
    "events": "gateway",
    "identity-providers": "gateway",
    "imports/people": "gateway",
    "me": "gateway",
    "organization": "gateway",
    "people": "gateway",
    "teams": "gateway",
    "calibration": "handover",
    "customers": "handover",
    "exports": "handover",
    "handover-questions": "handover",
    "handovers": "handover",
    "imports/deals": "handover",
    "imports/estimates": "handover",
    "past-estimates": "handover",
    "promise-record": "handover",
    "promises": "handover",
    "search": "handover",
    "value-feed": "handover",
    "assignment-rules": "onboarding",
    "assessments": "onboarding",
    "assignments": "onboarding",
    "attempts": "onboarding",
    "certificates": "onboarding",
    "certification-policies": "onboarding",
    "bookings": "onboarding",
    "audiences": "onboarding",
    "courses": "onboarding",
    "coverage": "onboarding",
    "curricula": "onboarding",
    "public": "onboarding",
    "me/delivery-check-ins": "handover",
    "me/bookings": "onboarding",
    "imports/completions": "onboarding",
    "imports/courses": "onboarding",
    "imports/gift": "onboarding",
    "me/learning": "onboarding",
    "past-completions": "onboarding",
    "question-banks": "onboarding",
    "reminders": "onboarding",
    "reports": "onboarding",
    "sessions": "onboarding",
    "rollouts": "onboarding",
    "teams/*/training-matrix": "onboarding",
    "tools": "onboarding",
}

# Below it nobody says who they are: what stands there is for whoever knows the address. It is only read.
PUBLIC = "/v1/public/"

# What others might take out of a path before they read it.
_ODD = frozenset({"", ".", ".."})
_BY_FIRST: dict[str, list[tuple[list[str], str]]] = {}
for _pattern, _service in sorted(TABLE.items(), key=lambda item: -item[0].count("/")):
    _segments = _pattern.split("/")
    _BY_FIRST.setdefault(_segments[0], []).append((_segments, _service))


def service_for(path: str) -> str | None:
    """The service behind a public path; None when there is none, or when it is not written plainly."""
    segments = path.split("/")
    if len(segments) < 3 or segments[1] != "v1" or not _ODD.isdisjoint(segments[2:]):
        return None
    asked = segments[2:]
    for pattern, service in _BY_FIRST.get(asked[0], ()):
        if len(asked) >= len(pattern) and all(
            expected in ("*", given) for expected, given in zip(pattern, asked, strict=False)
        ):
            return service
    return None
