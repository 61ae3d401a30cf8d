"""Channels: mail, desktop, outbox, dead man's switch."""
