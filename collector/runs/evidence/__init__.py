"""Controls, and the weighing of empty answers."""
