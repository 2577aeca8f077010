"""What the demo prints: who the keys speak for, and three lines to paste."""

import json
from datetime import UTC, datetime

from services.demo.content import content
from services.demo.keys import DemoKeys


def invitation(address: str, keys: DemoKeys) -> str:
    """The address, a key for each role, and three curl lines that work as they stand."""
    rows = [
        f"  {role:<9} {holder.name:<20} {holder.key}" for role, holder in keys.keyholders.items()
    ]
    return "\n".join(
        [
            f"The demo company is {content().name}, at {address}. A key for each role:",
            "",
            *rows,
            "",
            "Three lines to try. What is still missing in a seller's draft?",
            "",
            curl_lines(address, keys)[0],
            "",
            "The seller writes into its log:",
            "",
            curl_lines(address, keys)[1],
            "",
            "What shall the learner learn, and by when?",
            "",
            curl_lines(address, keys)[2],
            "",
        ]
    )


def curl_lines(address: str, keys: DemoKeys) -> list[str]:
    """Lines that a shell takes as they are."""
    seller, learner = keys.keyholders["seller"].key, keys.keyholders["learner"].key
    entry = json.dumps(
        {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "kind": "call",
            "phase": "before",
            "text": "They would like to see it working at another customer first.",
        }
    )
    handover = f"{address}/v1/handovers/{keys.handover_id}"
    as_seller = f"curl -s -H 'Authorization: Bearer {seller}'"
    as_json = "-H 'Content-Type: application/json'"
    return [
        f"{as_seller} {handover}/readiness",
        f"{as_seller} {as_json} -d '{entry}' {handover}/log",
        f"curl -s -H 'Authorization: Bearer {learner}' {address}/v1/me/learning",
    ]
