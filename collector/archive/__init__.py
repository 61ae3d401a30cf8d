"""Bars as Parquet files, and the places where they lie.

Nothing here is imported by a command that does not need the archive, whose libraries may not be installed.
"""
