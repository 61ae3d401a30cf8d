"""Interactive Brokers over one read-only connection."""
