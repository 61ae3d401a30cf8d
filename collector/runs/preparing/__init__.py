"""Symbols made ready: definition, chain, selection."""
