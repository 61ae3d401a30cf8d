"""Values and rules of option-bar collection, without I/O.

Values and rules of option-bar collection. No I/O, no clock.
"""
