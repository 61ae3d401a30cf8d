"""Paths of files that travel with the package.

Where the files that travel with the package are: SQL, migrations, the commented configuration, deploy templates.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_INSTALLED = _PACKAGE / "_resources"
_CHECKOUT = _PACKAGE.parent


def resource(name: str) -> Path:
    """Return the path of a top-level file or folder (`sql`, `migrations`, `alembic.ini`, `config.yaml`, `deploy`).

    An installed wheel carries them inside the package, a checkout has them at its top level.
    """
    root = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    return root / name
