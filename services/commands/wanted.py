"""What there is to import: which file, where it goes, and what is said along with it."""

from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import ClassVar

import httpx

from services.chassis.csv_records import MAX_ROWS
from services.commands.file_parts import ROWS, Part, parts_of
from services.commands.plain_words import Told, note


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

    async def query(self, client: httpx.AsyncClient, *, dry_run: bool) -> dict[str, str]:
        """What the address of every part says further."""
        return {}


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


@dataclass(frozen=True)
class Courses(Wanted):
    """Courses of another learning system. In one piece, since the rows of a course belong together."""

    mapping: str | None = None
    state: str | None = None
    minutes: int | None = None
    path: ClassVar[str] = "/v1/imports/courses"
    roles: ClassVar[tuple[str, ...]] = ("trainer",)
    keyholder: ClassVar[str] = "trainer"
    rows_at_once: ClassVar[int] = MAX_ROWS

    async def form(self, client: httpx.AsyncClient) -> tuple[dict[str, str], dict[str, bytes]]:
        said = {
            "mapping": self.mapping,
            "default_state": self.state,
            "default_minutes": None if self.minutes is None else str(self.minutes),
        }
        return {name: value for name, value in said.items() if value is not None}, {}


@dataclass(frozen=True)
class Completions(Wanted):
    """What people completed before Stafett."""

    mapping: str | None = None
    date_format: str | None = None
    path: ClassVar[str] = "/v1/imports/completions"
    roles: ClassVar[tuple[str, ...]] = ("trainer",)
    keyholder: ClassVar[str] = "trainer"
    rows_at_once: ClassVar[int] = ROWS

    async def form(self, client: httpx.AsyncClient) -> tuple[dict[str, str], dict[str, bytes]]:
        said = {"mapping": self.mapping, "date_format": self.date_format}
        return {name: value for name, value in said.items() if value is not None}, {}


@dataclass(frozen=True)
class Gift(Wanted):
    """Questions in Moodle's GIFT, which are no rows: in one piece."""

    bank: str = ""
    title: str | None = None
    path: ClassVar[str] = "/v1/imports/gift"
    roles: ClassVar[tuple[str, ...]] = ("trainer",)
    keyholder: ClassVar[str] = "trainer"
    rows_at_once: ClassVar[int] = MAX_ROWS

    def parts(self) -> list[Part]:
        return [Part(self.file.read_bytes(), 1)]

    async def query(self, client: httpx.AsyncClient, *, dry_run: bool) -> dict[str, str]:
        answer = await client.get("/v1/question-banks", params={"key": self.bank})
        if not answer.is_success:
            raise Told(problem_in(answer))
        banks = answer.json()["items"]
        if banks:
            return {"question_bank_id": banks[0]["id"]}
        if self.title is None or dry_run:
            raise Told(
                f"There is no question bank with the key {self.bank}. "
                "--title begins one, but not in a dry run."
            )
        begun = await client.post(
            "/v1/question-banks", json={"key": self.bank, "title": self.title}
        )
        if not begun.is_success:
            raise Told(problem_in(begun))
        return {"question_bank_id": begun.json()["id"]}


async def _usual_currency(client: httpx.AsyncClient) -> str | None:
    """The currency of the organization's country, and a word about it."""
    from babel.numbers import get_territory_currencies

    answer = await client.get("/v1/organization")
    if not answer.is_success:
        raise Told(problem_in(answer))
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


def problem_in(answer: httpx.Response) -> str:
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
