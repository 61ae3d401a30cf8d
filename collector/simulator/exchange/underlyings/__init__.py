"""Prices of underlyings, their splits and dividends, and their bars."""
