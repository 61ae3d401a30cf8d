"""Requests sent, answers judged and stored."""
