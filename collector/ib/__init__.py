"""Interactive Brokers: one read-only connection, each request ended in exactly one named outcome, pacing, watch."""

from collector.ib.connection.gateway import GatewaySettings
from collector.ib.connection.supervisor import Event, EventKind
from collector.ib.ib_source import IBSource, Permission, SourceState, connect

__all__ = ["Event", "EventKind", "GatewaySettings", "IBSource", "Permission", "SourceState", "connect"]
