"""Exchange calendar and schedule.

The schedule is computed from the calendar.
"""
