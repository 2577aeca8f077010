"""Sending a file to the API, over the network or in this process, and gathering what became of its rows."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import httpx

from services.chassis.csv_records import MAX_ROWS
from services.chassis.settings import Settings
from services.commands.file_parts import ROWS, Part, parts_of
from services.commands.plain_words import Told, note, screen
from services.commands.running import api_in_this_process, database_of, opened

TRIES = 4
# Nothing was done.
_AGAIN = frozenset({429, 503})
_WHO = """
SELECT name, email FROM person WHERE active AND roles && $1::text[]
ORDER BY array_position($1::text[], roles[1]), id LIMIT 1
"""


@dataclass
class Imported:
    """What became of the rows of a file."""

    dry_run: bool
    counts: dict[str, int] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    further: dict[str, Any] = field(default_factory=dict)

    def add(self, answer: Mapping[str, Any]) -> None:
        """One part's answer."""
        for name, value in answer.items():
            if name == "rows":
                self.rows += value
            elif isinstance(value, bool):
                continue
            elif isinstance(value, int):
                self.counts[name] = self.counts.get(name, 0) + value
            elif isinstance(value, list):
                known = self.further.setdefault(name, [])
                known += [entry for entry in value if entry not in known]
            else:
                self.further[name] = value

    def as_json(self) -> dict[str, Any]:
        """As the API would have answered the file in one piece."""
        return {"dry_run": self.dry_run, **self.counts, **self.further, "rows": self.rows}


@dataclass(frozen=True)
class Wanted:
    """A file to import. `roles`: who may, the best choice first; `keyholder`: whose key of the demo."""

    file: Path
    path: ClassVar[str]
    roles: ClassVar[tuple[str, ...]]
    keyholder: ClassVar[str]
    rows_at_once: ClassVar[int]

    def check(self) -> None:
        """Refuse what can be seen to be wrong before anybody is asked; raises Told."""

    def parts(self) -> list[Part]:
        """What is sent, one after the other."""
        return parts_of(self.file.read_bytes(), self.rows_at_once)

    async def form(self, client: httpx.AsyncClient) -> tuple[dict[str, str], dict[str, bytes]]:
        """The fields and the further files that go with every part."""
        return {}, {}


@dataclass(frozen=True)
class People(Wanted):
    """Colleagues. In one piece, since a manager may stand anywhere in the file."""

    path: ClassVar[str] = "/v1/imports/people"
    roles: ClassVar[tuple[str, ...]] = ("admin",)
    keyholder: ClassVar[str] = "admin"
    rows_at_once: ClassVar[int] = MAX_ROWS


@dataclass(frozen=True)
class Deals(Wanted):
    """Deals of a CRM."""

    accounts: Path | None = None
    pipelines: Path | None = None
    customer: str | None = None
    source: str | None = None
    mapping: str | None = None
    currency: str | None = None
    engagement_type: str | None = None
    decimal_mark: str | None = None
    date_format: str | None = None
    path: ClassVar[str] = "/v1/imports/deals"
    roles: ClassVar[tuple[str, ...]] = ("admin",)
    keyholder: ClassVar[str] = "seller"
    rows_at_once: ClassVar[int] = ROWS

    def parts(self) -> list[Part]:
        # Pages of JSON have to stay whole, since what points into them counts from their beginning.
        return [Part(self.file.read_bytes(), 1)] if self._is_json() else super().parts()

    def check(self) -> None:
        if self.mapping is None and (self.source or self._source()) == "csv":
            from services.handover.domain.deals_of_csv import DealColumns

            needed = [field.name for field in fields(DealColumns) if field.default is MISSING]
            further = [field.name for field in fields(DealColumns) if field.default is not MISSING]
            raise Told(
                "This is no export of Salesforce's Opportunity, so --mapping has to say which "
                "field is in which column of the file:\n"
                '  --mapping \'{"external_id": "No", "title": "Deal", '
                '"customer_name": "Customer"}\'\n'
                f"Needed: {', '.join(needed)}.\nFurther: {', '.join(further)}."
            )

    async def form(self, client: httpx.AsyncClient) -> tuple[dict[str, str], dict[str, bytes]]:
        source = self.source or self._source()
        said = {
            "source": source,
            "mapping": self.mapping,
            "default_currency": self.currency or await _usual_currency(client),
            "default_customer": self.customer,
            "engagement_type": self.engagement_type,
            "decimal_mark": self.decimal_mark,
            "date_format": self.date_format,
        }
        beside = source == "salesforce" and not self._is_json()
        further = {
            "accounts": self.accounts or (self._beside() if beside else None),
            "pipelines": self.pipelines,
        }
        files = {name: path.read_bytes() for name, path in further.items() if path is not None}
        return {name: value for name, value in said.items() if value is not None}, files

    def _beside(self) -> Path | None:
        """Salesforce's export puts the accounts into the same folder, under this name."""
        accounts = self.file.with_name("Account.csv")
        if not accounts.is_file():
            return None
        note(f"Customers are named after {accounts}; --accounts names another file.")
        return accounts

    def _source(self) -> str:
        """What the file shows; any other CSV needs a mapping."""
        from services.handover.domain.deal_sources import source_of

        with self.file.open("rb") as file:
            source = source_of(file)
        if source is None and self._is_json():
            raise Told(
                f"{self.file} is JSON, but neither of HubSpot nor of Salesforce nor of Pipedrive."
            )
        return "csv" if source is None or (self.mapping and not self._is_json()) else source

    def _is_json(self) -> bool:
        with self.file.open("rb") as file:
            start = file.read(1024)
        return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


@dataclass(frozen=True)
class PastEstimates(Wanted):
    """Estimates from before Stafett, with what they took."""

    mapping: str = ""
    kind: str | None = None
    basis: str | None = None
    decimal_mark: str | None = None
    date_format: str | None = None
    path: ClassVar[str] = "/v1/imports/estimates"
    roles: ClassVar[tuple[str, ...]] = ("admin", "manager")
    keyholder: ClassVar[str] = "admin"
    rows_at_once: ClassVar[int] = ROWS

    async def form(self, client: httpx.AsyncClient) -> tuple[dict[str, str], dict[str, bytes]]:
        said = {
            "mapping": self.mapping,
            "default_kind": self.kind,
            "default_basis": self.basis,
            "decimal_mark": self.decimal_mark,
            "date_format": self.date_format,
        }
        return {name: value for name, value in said.items() if value is not None}, {}


async def _usual_currency(client: httpx.AsyncClient) -> str | None:
    """The currency of the organization's country, and a word about it."""
    from babel.numbers import get_territory_currencies

    answer = await client.get("/v1/organization")
    if not answer.is_success:
        raise Told(_problem(answer))
    organization = answer.json()
    country = organization["country"]
    currencies = get_territory_currencies(country) if country else []
    if not currencies:
        return None
    note(
        f"Amounts without a currency are taken as {currencies[0]}, as in the organization's "
        f"country ({country}); --currency says otherwise."
    )
    return str(currencies[0])


async def run(
    settings: Settings, wanted: Wanted, organization: str | None, *, dry_run: bool
) -> Imported:
    """Import the file; raises Told where it cannot be done."""
    wanted.check()
    parts = wanted.parts()
    async with _client(settings, wanted, organization) as client:
        form, files = await wanted.form(client)
        imported = Imported(dry_run)
        from rich.progress import Progress

        console = screen(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task(wanted.file.name, total=sum(part.rows for part in parts))
            for part in parts:
                body = {"file": part.content, **files}
                answer = await send_part(client, wanted.path, form, body, dry_run=dry_run)
                if not answer.is_success:
                    done = "".join(f" {n} {what}." for what, n in imported.counts.items() if n)
                    before = f"\nBefore that:{done}" if done else ""
                    raise Told(_problem(answer) + before)
                imported.add(answer.json())
                progress.update(task, advance=part.rows)
    return imported


async def send_part(
    client: httpx.AsyncClient,
    path: str,
    fields: dict[str, str],
    files: dict[str, bytes],
    *,
    dry_run: bool,
    pause_seconds: float = 1.0,
) -> httpx.Response:
    """Send one part. Where nobody knows what became of it, it is sent again under the same key.

    The pause before that doubles each time.
    """
    key = uuid4().hex
    headers = {
        "Idempotency-Key": key,
        # The same body each time, which the key stands for.
        "Content-Type": f"multipart/form-data; boundary={key}",
    }
    named = {name: (f"{name}.csv", content, "text/csv") for name, content in files.items()}
    params = {"dry_run": "true"} if dry_run else None
    for tried in range(1, TRIES + 1):
        try:
            answer = await client.post(
                path, data=fields, files=named, headers=headers, params=params
            )
        except httpx.ConnectError:
            raise
        except httpx.TransportError:
            if tried == TRIES:
                raise
        else:
            # The try that broke off may still be at it.
            at_it = b"/problems/in-progress" in answer.content
            if not (at_it or answer.status_code in _AGAIN) or tried == TRIES:
                return answer
        await asyncio.sleep(pause_seconds * 2 ** (tried - 1))
    raise AssertionError("the last try returns or raises")


def _problem(answer: httpx.Response) -> str:
    """A problem in plain words, with line and column of the file."""
    try:
        told = answer.json()
    except ValueError:
        told = {}
    words = [told.get("detail") or told.get("title") or f"The server answers {answer.status_code}."]
    for error in told.get("errors", ()):
        line = error.get("line")
        where = [f"line {line}"] if line is not None else []
        where += [f"column {error['column']}"] if error.get("column") is not None else []
        words.append(f"  {', '.join(where) or error.get('pointer') or ''}: {error['detail']}")
    if answer.status_code == 401:
        words.append("STAFETT_API_KEY holds a key that the server does not know.")
    return "\n".join(words)


# --- whom to ask, and as whom ---------------------------------------------------------------------


@asynccontextmanager
async def _client(
    settings: Settings, wanted: Wanted, organization: str | None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client that speaks for somebody: by the key that is set, or in this process."""
    async with AsyncExitStack() as stack:
        if settings.api_key is not None:
            if organization is not None:
                raise Told("STAFETT_API_KEY says whose data it is: leave --organization out.")
            client = await stack.enter_async_context(_over_network(settings))
            key = settings.api_key.get_secret_value()
        else:
            installation = stack.enter_context(opened(settings))
            await installation.make_current()
            find = _in_organization(organization) if organization else _in_demo
            key = await find(installation, wanted)
            client = await stack.enter_async_context(api_in_this_process(installation))
        client.headers["Authorization"] = f"Bearer {key}"
        yield client


def _over_network(settings: Settings) -> httpx.AsyncClient:
    chosen = "url" in settings.model_fields_set
    url = str(settings.url) if chosen else f"http://127.0.0.1:{settings.port}"
    return httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(120, connect=5))


async def _in_demo(installation: Any, wanted: Wanted) -> str:
    from services.demo.keys import found_again, kept

    keys = None
    if kept(installation.settings) is not None:
        keys = await found_again(installation)
    if keys is None:
        raise Told(
            "Whose data is it? Set STAFETT_API_KEY (and STAFETT_URL where Stafett runs elsewhere), "
            "or name an organization of this installation with --organization."
        )
    holder = keys.keyholders[wanted.keyholder]
    note(
        f"STAFETT_API_KEY is not set: for the demo company, as {holder.name} ({wanted.keyholder})."
    )
    return holder.key


def _in_organization(id_or_name: str) -> Callable[[Any, Wanted], Any]:
    async def find(installation: Any, wanted: Wanted) -> str:
        from services.commands.organizations import organization_called
        from services.gateway.domain.founding import issue_key

        async with database_of(installation, "gateway") as database:
            id = await organization_called(database, id_or_name)
            async with database.reading(id) as reader:
                who = await reader.connection.fetchrow(_WHO, list(wanted.roles))
            if who is None:
                needed = " or ".join(wanted.roles)
                raise Told(f"Nobody in {id_or_name} has the role that it takes: {needed}.")
            note(f"As {who['name']} <{who['email']}>.")
            ends = datetime.now(UTC) + timedelta(hours=1)
            issued = await issue_key(database, id, who["email"], "stafett import", expires_at=ends)
            return issued.key

    return find
