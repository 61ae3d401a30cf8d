"""Who may look and act."""
