"""What metrics are made from: the tables, the machine."""
