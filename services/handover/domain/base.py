"""The schema of the handover service, and the tables that the house gives it."""

from sqlalchemy.orm import registry

from services.chassis import tables
from services.chassis.directory import Directory
from services.chassis.events import event_table
from services.chassis.idempotency import idempotency_table
from services.chassis.listeners import followed_feed_table

SCHEMA = "handover"
metadata = tables.metadata_for(SCHEMA)

event = event_table(metadata)
idempotency_key = idempotency_table(metadata)
followed_feed = followed_feed_table(metadata)
directory = Directory(metadata)


class Row(tables.Row, registry=registry(metadata=metadata)):
    """A row of the handover service."""
