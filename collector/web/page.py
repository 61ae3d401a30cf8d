"""A page: one answer, shown as HTML and as JSON."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from collector.web.context import Context

AnswerT = TypeVar("AnswerT")
Asked: TypeAlias = Mapping[str, str]
"""What is asked for: the parameters of the path and of the query, by name, as they were written."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a page's path or query, for people and for OpenAPI. example: of a value."""

    name: str
    meaning: str
    example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[AnswerT]):
    """A page.

    path: its address, parameters in braces. title: for the tab and the heading, of an answer or always the same.
    what: what it answers, in a sentence. model: a dataclass; what `answer` returns, the template shows as `it`, and
    /api/v1 gives as JSON. answer: finds it out; raises CollectorError in words for a person. template: below
    `templates/`. parameters: those of the path first, then those of the query. is_masked: secrets are cut out of every
    text of an answer; not needed where there are thousands of texts, and all of them are names of contracts and our
    own words.
    """

    path: str
    title: str | Callable[[AnswerT], str]
    what: str
    model: type[AnswerT]
    answer: Callable[[Context, Asked], Awaitable[AnswerT]]
    template: str
    parameters: tuple[Parameter, ...] = ()
    is_masked: bool = True

    def title_of(self, answer: AnswerT) -> str:
        """Return the title over an answer."""
        return self.title if isinstance(self.title, str) else self.title(answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """Bytes below /api/v1 that are no JSON: for pictures and programs.

    path: below /api/v1. media_type: of the bytes. answer: returns them; raises CollectorError. headers: of the answer,
    beside those that every answer has.
    """

    path: str
    what: str
    media_type: str
    answer: Callable[[Context, Asked], Awaitable[bytes]]
    parameters: tuple[Parameter, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


AnyPage: TypeAlias = Page[Any]
