"""The process behind the pages."""
