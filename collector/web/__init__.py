"""The owner's pages: what is there, missing, at work.

A page is a row in `pages/registry.py`: a path, what it answers, a template. The same answer is JSON below /api/v1.
"""
