"""Pages about option contracts and chains."""
