"""The connection to the gateway: made, watched, restored."""
