"""The demo company's customers and handovers: opened, filled in and moved on by those who may."""

import asyncio
import json
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from services.demo.content import Data, content

if TYPE_CHECKING:
    from services.demo.loader import Sender

_WRITTEN = (
    "title",
    "engagement_type",
    "is_won",
    "risk",
    "situation",
    "background",
    "assessment",
    "recommendation",
    "out_of_scope",
)
_CUSTOMER = ("name", "registration_number", "website", "phones", "emails")
# In seconds.
PATIENCE = 30
PAST_COLUMNS = {
    "external_id": "Nr",
    "kind": "Type",
    "basis": "Grunnlag",
    "optimistic_hours": "Lav",
    "likely_hours": "Trolig",
    "pessimistic_hours": "Høy",
    "actual_hours": "Brukt",
    "estimated_by": "Hvem",
}
# The way to each state, one move after the other.
_WAY = {
    "draft": (),
    "submitted": ("submission",),
    "in_review": ("submission", "claim"),
    "returned": ("submission", "claim", "return"),
    "accepted": ("submission", "claim", "acceptance"),
    "in_delivery": ("submission", "claim", "acceptance", "start"),
    "completed": ("submission", "claim", "acceptance", "start", "completion"),
    "closed": ("submission", "claim", "acceptance", "start", "completion", "closure"),
}


async def send_past_estimates(sender: "Sender", admin: str) -> None:
    """What was estimated before, so that calibration has something to say on the first day."""
    fields = {"mapping": json.dumps(PAST_COLUMNS), "decimal_mark": ","}
    await sender.upload(admin, "/v1/imports/estimates", content().past_estimates, fields)
    sender.done("files of past estimates", 1)


async def send(sender: "Sender") -> None:
    """Customers first, then every handover, several at a time."""
    by_customer = {handover["customer"]: handover["seller"] for handover in content().handovers}
    of = len(content().customers)

    async def register(customer: Data) -> tuple[str, str]:
        body = {name: customer[name] for name in _CUSTOMER if name in customer}
        made = await sender.post(by_customer[customer["key"]], "/v1/customers", body)
        sender.done("customers", of)
        return customer["key"], made["id"]

    customers = dict(await asyncio.gather(*map(register, content().customers)))
    # Named after what it is; its place in the list is the order in which it was opened.
    handovers = [HandoverSender(sender, handover, customers) for handover in content().handovers]
    await asyncio.gather(*(handover.send() for handover in handovers))


class HandoverSender:
    """One handover with all that was said in it."""

    def __init__(self, sender: "Sender", told: Data, customers: dict[str, str]) -> None:
        self._sender, self._told, self._customers = sender, told, customers
        self._seller: str = told["seller"]
        self._lead: str | None = told.get("delivery_lead")
        self._path = ""
        self._promises: dict[str, str] = {}
        # The path of an estimate → what it took.
        self._took: dict[str, float] = {}
        # Each with the id that it got.
        self._needs: list[tuple[Data, str]] = []
        # The promise's key → the entry in which the customer releases us from it.
        self._consents: dict[str, str] = {}

    async def send(self) -> None:
        """Open it, write it down, and move it on as far as it came."""
        await self._open()
        await self._write_down()
        state: str = self._told.get("cancelled_from") or self._told["state"]
        await self._walk_through()
        for move in _WAY[state]:
            await self._move(move)
        if state == "in_review":
            await self._read_back()
        if self._told["state"] == "cancelled":
            reason = {"reason": self._told["cancellation_reason"]}
            await self._sender.post(self._seller, f"{self._path}/cancellation", reason)
        self._sender.done("handovers", len(content().handovers))

    async def _open(self) -> None:
        told, sender = self._told, self._sender
        body: dict[str, Any] = {name: told[name] for name in _WRITTEN if name in told}
        body["customer_id"] = self._customers[told["customer"]]
        if self._lead is not None:
            body["delivery_lead_id"] = str(sender.who(self._lead).id)
        for name in ("planned_start", "planned_end"):
            if f"{name}_in_days" in told:
                body[name] = sender.day(told[f"{name}_in_days"])
        if "amount" in told:
            body["amount"] = {"amount": told["amount"], "currency": told["currency"]}
        made = await sender.post(self._seller, "/v1/handovers", body)
        self._path = f"/v1/handovers/{made['id']}"

    async def _write_down(self) -> None:
        told, sender = self._told, self._sender
        for stakeholder in told["stakeholder"]:
            await sender.post(self._seller, f"{self._path}/stakeholders", stakeholder)
        for promise in told["promise"]:
            body = {
                "statement": promise["statement"],
                "kind": promise["kind"],
                "channel": promise["channel"],
                "said_by": str(sender.who(promise["said_by"]).id),
                "said_on": sender.day(-promise["said_days_ago"]),
                "said_to": promise["said_to"],
                "due_on": sender.day(promise["due_in_days"]),
                "done_when": promise["done_when"],
            }
            made = await sender.post(self._seller, f"{self._path}/promises", body)
            self._promises[promise["key"]] = made["id"]
        await self._estimate()
        for need in told.get("competence_need", []):
            body = {name: need[name] for name in ("competence", "level", "headcount", "why")}
            body["from"] = sender.day(need["from_in_days"])
            body["to"] = sender.day(need["to_in_days"])
            made = await sender.post(self._seller, f"{self._path}/competence-needs", body)
            self._needs.append((need, made["id"]))
        for unknown in told.get("unknown", []):
            body = {
                "what": unknown["what"],
                "reason": unknown["reason"],
                "owner_id": str(sender.who(unknown["owner"]).id),
                "due_on": sender.day(unknown["due_in_days"]),
            }
            await sender.post(self._seller, f"{self._path}/unknowns", body)
        await self._log("before")

    async def _estimate(self) -> None:
        for estimate in self._told.get("estimate", []):
            body = {**estimate, "estimated_by": str(self._sender.who(estimate["estimated_by"]).id)}
            took = body.pop("actual_hours", None)
            made = await self._sender.post(self._seller, f"{self._path}/estimates", body)
            if took is not None:
                self._took[f"{self._path}/estimates/{made['id']}"] = took

    async def _walk_through(self) -> None:
        """Plan the walkthrough at ten by the lead's clock; one that has been was held."""
        told, sender = self._told.get("walkthrough"), self._sender
        if told is None or self._lead is None:
            return
        tz = content().people[self._lead]["time_zone"]
        day = sender.today + timedelta(days=told["in_days"])
        starts_at = datetime.combine(day, time(10), ZoneInfo(tz))
        body = {
            "starts_at": starts_at.isoformat(),
            "ends_at": (starts_at + timedelta(hours=1)).isoformat(),
            "tz": tz,
            "attendees": [{"person_id": str(sender.who(self._lead).id)}],
            **{name: told[name] for name in ("place", "link") if name in told},
        }
        made = await sender.post(self._seller, f"{self._path}/walkthroughs", body)
        if told["in_days"] < 0:
            path = f"{self._path}/walkthroughs/{made['id']}/outcome"
            await sender.post(self._seller, path, {"state": "held", "notes": told["notes"]})

    async def _log(self, phase: str) -> None:
        """The entries of one phase, in the order in which it happened."""
        sender = self._sender
        for entry in self._told["log"]:
            if entry["phase"] != phase:
                continue
            affects = entry.get("affects", [])
            body = {
                "at": self._moment(entry["days_ago"]),
                "kind": entry["kind"],
                "phase": phase,
                "text": entry["text"],
                "affects": [self._promises[key] for key in affects],
            }
            made = await sender.post(self._author(entry["author"]), f"{self._path}/log", body)
            if entry["kind"] == "decision":
                self._consents.update(dict.fromkeys(affects, made["id"]))

    def _author(self, named: str) -> str:
        return {"seller": self._seller, "lead": self._lead or self._seller}.get(named, named)

    def _moment(self, days_ago: int) -> str:
        # Whoever fills it in the small hours has a morning that is still to come.
        morning = datetime.combine(self._sender.today - timedelta(days=days_ago), time(9), UTC)
        return min(morning, datetime.now(UTC)).isoformat()

    async def _move(self, move: str) -> None:
        assert move == "submission" or self._lead is not None
        who = self._told["closed_by"] if move == "closure" else self._lead or ""
        who = self._seller if move == "submission" else who
        body = None
        match move:
            case "return":
                body = {"gaps": self._told["gaps"]}
            case "acceptance":
                await self._read_back()
                await self._waive()
                await self._staff()
                await self._know_who_can()
            case "completion":
                await self._look_back()
        await self._sender.post(who, f"{self._path}/{move}", body)
        if move == "start":
            await self._log("during")
            await self._log("after")
            for path, hours in self._took.items():
                await self._sender.post(self._lead or "", f"{path}/actual", {"hours": hours})
            await self._listen()
            if self._told["state"] == "in_delivery":
                await self._look_back()
        elif move == "completion" and "outcome" in self._told:
            outcome = dict(self._told["outcome"])
            outcome["ended_on"] = self._sender.day(-outcome.pop("ended_days_ago"))
            await self._sender.post(self._lead or "", f"{self._path}/outcome", outcome)

    async def _know_who_can(self) -> None:
        """Wait for delivery to hear what was learned: it does so a moment later, and on a busy machine some moments."""
        for _ in range(PATIENCE):
            coverage = await self._sender.get(self._lead or "", f"{self._path}/coverage")
            if all(need["state"] in ("covered", "waived") for need in coverage["needs"]):
                return
            await asyncio.sleep(1)

    async def _read_back(self) -> None:
        for promise in self._told["promise"]:
            if "read_back" in promise:
                path = f"{self._path}/promises/{self._promises[promise['key']]}/read-backs"
                await self._sender.post(self._lead or "", path, promise["read_back"])

    async def _waive(self) -> None:
        for need, id in self._needs:
            if "waiver" in need:
                body = {"competence_need_id": id, "reason": need["waiver"]["reason"]}
                path = f"{self._path}/coverage/waivers"
                await self._sender.post(need["waiver"]["by"], path, body)

    async def _staff(self) -> None:
        sender = self._sender
        for need, id in self._needs:
            for staffing in need.get("staffing", []):
                body = {
                    "person_id": str(sender.who(staffing["person"]).id),
                    "competence_need_id": id,
                    "from": sender.day(need["from_in_days"]),
                    # What is over by now starts today all the same, with somebody who is there.
                    "to": sender.day(max(need["to_in_days"], 0)),
                    "allocation": staffing["allocation"],
                }
                await sender.post(self._lead or "", f"{self._path}/staffing", body)

    async def _listen(self) -> None:
        """What the customer said, and what it is worth to them."""
        sender = self._sender
        for voice in self._told.get("voice", []):
            body = dict(voice)
            author = self._author(body.pop("author"))
            body["said_at"] = self._moment(body.pop("days_ago"))
            await sender.post(author, f"{self._path}/customer-voices", body)
        for measure in self._told.get("measure", []):
            body = dict(measure)
            observations = body.pop("observations")
            path = f"{self._path}/value-measures"
            made = await sender.post(self._lead or "", path, body)
            for seen in observations:
                observed = {"at": self._moment(seen["days_ago"]), "value": seen["value"]}
                path = f"{self._path}/value-measures/{made['id']}/observations"
                await sender.post(self._lead or "", path, observed)

    async def _look_back(self) -> None:
        for promise in self._told["promise"]:
            if "outcome" not in promise:
                continue
            body = dict(promise["outcome"])
            if body["state"] == "released":
                body["evidence"] = [self._consents[promise["key"]]]
            path = f"/v1/promises/{self._promises[promise['key']]}/outcome"
            await self._sender.post(self._lead or "", path, body)
