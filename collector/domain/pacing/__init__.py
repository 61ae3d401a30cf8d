"""Requests in flight, retries, and how long work takes."""
