"""Unattended collection of option market data from Interactive Brokers."""

__version__ = "0.1.0"
