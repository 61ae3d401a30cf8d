"""Who asks for a page, while it is being answered."""

from contextvars import ContextVar
from enum import Enum


class Visitor(Enum):
    """Who asks: nobody that we know, the owner by his cookie, a program with the reader's token."""

    NOBODY = "nobody"
    OWNER = "owner"
    READER = "reader"


VISITOR: ContextVar[Visitor] = ContextVar("visitor", default=Visitor.NOBODY)
"""Of the request that is being answered."""
