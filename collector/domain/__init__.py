"""Values and rules of option-bar collection, without I/O.

No clock either.
"""
