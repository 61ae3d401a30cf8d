"""Pages of today and of the coming days."""
