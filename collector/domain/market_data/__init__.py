"""Instruments, bars, sessions, spans, and answers."""
