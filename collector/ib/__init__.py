"""Interactive Brokers: one read-only connection, each request ended in exactly one named outcome, pacing, watch."""

from collector.ib.gateway import GatewaySettings
from collector.ib.source import IBSource, Permission, SourceState, connect
from collector.ib.supervisor import Event, EventKind

__all__ = ["Event", "EventKind", "GatewaySettings", "IBSource", "Permission", "SourceState", "connect"]
