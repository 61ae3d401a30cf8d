"""Reports as values, and as documents."""
