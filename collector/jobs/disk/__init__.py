"""What is stored on the disk, and room on it."""
