"""Acts of people and runs of the schedule, while they are at work."""
