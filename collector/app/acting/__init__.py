"""Work of people and of the schedule, while it lasts."""
