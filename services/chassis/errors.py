"""What can go wrong, without a word about HTTP.

DomainError
├── Unauthenticated       nobody knows who asks
├── Forbidden             known, but not allowed
├── NotFound              not there, or not yours
├── Conflict              the state of things forbids it
│   ├── IllegalMove       … and these moves are allowed instead
│   ├── Frozen            it may no longer be changed
│   └── InProgress        the same request is being carried out right now
├── Invalid               the content is wrong; says where
│   └── KeyReused         an Idempotency-Key came back with another request
├── Malformed             it cannot even be read
├── PreconditionMissing   an If-Match is needed
├── PreconditionFailed    it was changed in the meantime
├── NotAcceptable         it is there, but in none of the forms that are asked for
├── TooLarge              more than is accepted at once
└── Unavailable           something that is needed does not answer now

A message is a template and its parameters, so that it can be translated where it is shown.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar


def _filled(template: str, params: Mapping[str, object]) -> str:
    """The text in English; several of a kind, such as roles, one beside the other."""
    told = {
        name: " / ".join(map(str, value)) if isinstance(value, tuple) else value
        for name, value in params.items()
    }
    return template.format(**told)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong: where (JSON Pointer, or line and column of a file) and why.

    `where` names what the pointer points into: body, query, path, header or file. None: into the thing itself, since
    nothing that was sent is wrong.
    """

    pointer: str
    template: str
    params: Mapping[str, object] = field(default_factory=dict)
    line: int | None = None
    column: int | None = None
    where: str | None = "body"

    @property
    def detail(self) -> str:
        return _filled(self.template, self.params)


@dataclass(frozen=True, slots=True)
class Message:
    """A text within another one, a parameter of it: translated with it."""

    template: str
    params: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return _filled(self.template, self.params)


class Unfit(ValueError):
    """What a field does not take, raised in its validator; a message template and its parameters."""

    def __init__(self, template: str, /, **params: object) -> None:
        self.template = template
        self.params = params
        super().__init__(_filled(template, params))


class DomainError(Exception):
    """The root. `slug` names the problem type, `title` says it in a few words."""

    slug: ClassVar[str] = "error"
    title: ClassVar[str] = "Something is wrong"
    explanation: ClassVar[str] = ""

    def __init__(self, template: str, /, **params: object) -> None:
        self.template = template
        self.params = params
        super().__init__(template)

    @property
    def detail(self) -> str:
        return _filled(self.template, self.params)

    def members(self) -> dict[str, object]:
        """Further members of the problem, beside type, title, status and detail."""
        return {}

    def __str__(self) -> str:
        return self.detail


class Unauthenticated(DomainError):
    slug = "unauthenticated"
    title = "Not known"
    explanation = (
        "No valid credential came along. Send `Authorization: Bearer` and an API key (`stf_…`) or a token of an identity "
        "provider of your organization; of a token that is refused, `reason` says why."
    )


class Forbidden(DomainError):
    slug = "forbidden"
    title = "Not allowed"
    explanation = "You are known, but this is for somebody else to do. The detail says for whom."


class NotFound(DomainError):
    slug = "not-found"
    title = "Not there"
    explanation = "There is no such thing, or it belongs to another organization."


class Conflict(DomainError):
    slug = "conflict"
    title = "The state forbids it"
    explanation = "The request is sound, but not now. The detail says what stands in the way, `errors` everything that does."

    def __init__(
        self,
        template: str,
        /,
        errors: Sequence[FieldError] = (),
        *,
        allowed: Iterable[str] | None = None,
        **params: object,
    ) -> None:
        super().__init__(template, **params)
        self.errors = tuple(errors)
        self.allowed = None if allowed is None else sorted(allowed)

    def members(self) -> dict[str, object]:
        return {} if self.allowed is None else {"allowed": self.allowed}


class IllegalMove(Conflict):
    slug = "illegal-move"
    title = "No such move from here"
    explanation = "It is in a state from which this move does not exist; `allowed` lists those that do and that you can make."

    def __init__(self, template: str, /, *, allowed: Iterable[str] = (), **params: object) -> None:
        super().__init__(template, (), allowed=allowed, **params)


@contextmanager
def offering(lets: Callable[[str], bool]) -> Iterator[None]:
    """Within it, a refused move names of those that the state has only the ones that `lets` lets the caller make."""
    try:
        yield
    except IllegalMove as refused:
        refused.allowed = [move for move in refused.allowed or () if lets(move)]
        raise


class Frozen(Conflict):
    slug = "frozen"
    title = "No longer changeable"
    explanation = (
        "What was handed over, published or logged is not changed; a new one takes its place."
    )


class InProgress(Conflict):
    slug = "in-progress"
    title = "Being carried out"
    explanation = "The same Idempotency-Key is being worked on at this moment. Ask again shortly."
    retry_after: ClassVar[int] = 1


class Invalid(DomainError):
    slug = "invalid"
    title = "The content is not valid"
    explanation = (
        "`errors` says where (JSON Pointer, or line and column of a file) and why; "
        "`missing` lists what still has to be filled in, where that applies."
    )

    def __init__(
        self,
        template: str,
        /,
        errors: Sequence[FieldError] = (),
        missing: Sequence[Mapping[str, object]] | None = None,
        **params: object,
    ) -> None:
        super().__init__(template, **params)
        self.errors = tuple(errors)
        self.missing = missing

    def members(self) -> dict[str, object]:
        return {} if self.missing is None else {"missing": list(self.missing)}


class KeyReused(Invalid):
    slug = "key-reused"
    title = "The Idempotency-Key is taken"
    explanation = "An Idempotency-Key stands for one request. Take a new key for another request."


class Malformed(DomainError):
    slug = "malformed"
    title = "Not readable"
    explanation = "The request is not what its content type says, or not HTTP as it should be."


class PreconditionMissing(DomainError):
    slug = "precondition-missing"
    title = "If-Match is needed"
    explanation = "Send the ETag that you have read as `If-Match`, so that nobody's change is lost."


class PreconditionFailed(DomainError):
    slug = "precondition-failed"
    title = "Changed in the meantime"
    explanation = "Somebody changed it after you read it. Read it again, then send your change."


class NotAcceptable(DomainError):
    slug = "not-acceptable"
    title = "Not in this form"
    explanation = "It is there, but in none of the media types that `Accept` names."


class TooLarge(DomainError):
    slug = "too-large"
    title = "Too large"
    explanation = "The body is larger than this address accepts."


class Unavailable(DomainError):
    """Something that is needed does not answer; `retry_after` in seconds."""

    slug = "unavailable"
    title = "Not available right now"
    explanation = "Nothing was changed. Ask again after the seconds in `Retry-After`."

    def __init__(self, template: str, /, *, retry_after: int = 1, **params: object) -> None:
        super().__init__(template, **params)
        self.retry_after = retry_after
