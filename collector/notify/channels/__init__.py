"""Channels: mail, desktop, outbox, webhooks, dead man's switch."""
