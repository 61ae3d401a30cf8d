"""Grids of sessions in a real browser: the right colour at each cell, and words for who sees none."""
