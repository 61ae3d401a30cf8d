"""Days, instants and contracts as people write them."""
