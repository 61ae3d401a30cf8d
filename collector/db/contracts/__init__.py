"""Tables of underlyings and option contracts."""
