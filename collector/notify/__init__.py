"""What the owner is told, and through which channels."""
