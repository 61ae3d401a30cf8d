"""Engine fixtures."""
