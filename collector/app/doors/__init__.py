"""Ways into the database for people and their programs."""
