"""What simulated options are worth."""
