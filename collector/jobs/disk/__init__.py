"""The disk: what is stored on it, and room when it is nearly full."""
