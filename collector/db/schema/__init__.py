"""Tables, migrations and what TimescaleDB adds."""
