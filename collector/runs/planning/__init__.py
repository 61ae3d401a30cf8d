"""What a run asks for, as the fewest requests."""
