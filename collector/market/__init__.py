"""The exchange calendar: sessions, closes, early closes, windows."""
