"""Simulator fixtures."""
