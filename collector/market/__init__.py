"""Exchange calendar and schedule.

The exchange calendar, and the schedule that is computed from it.
"""
