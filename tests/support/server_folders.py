"""Temporary folders for servers."""

import tempfile
from pathlib import Path


def server_folder(prefix: str) -> Path:
    """Make a private folder that root's servers, which run as another user, may pass through; the caller removes it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o711)
    return folder
