"""Interactive Brokers: the only package that names ib_async. Read-only; no order call exists."""
