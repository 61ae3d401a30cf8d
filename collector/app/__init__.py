"""Composition: the real parts wired, and what people start."""
