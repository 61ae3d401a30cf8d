"""What a page's forms start and stop."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from collector.domain.errors import NotAllowed
from collector.web.context import Context
from collector.web.pages import acts

_MOST_FIELDS = 20
_LONGEST_REASON = 1000


def routes(context: Context) -> tuple[BaseRoute, ...]:
    """Return where forms are sent to; what they start, and nothing else, is started there."""

    async def start(request: Request) -> Response:
        _require(context)
        async with request.form(max_files=0, max_fields=_MOST_FIELDS) as form:
            given = {name: value for name, value in form.items() if isinstance(value, str)}
        reason, once = given.pop("reason", "")[:_LONGEST_REASON], given.pop("once", "")
        act = context.process.acts.request(given.pop("kind", ""), given, reason, once)
        return RedirectResponse(f"/acts/{act.id}", HTTPStatus.SEE_OTHER)

    async def cancel(request: Request) -> Response:
        _require(context)
        number = acts.number_of(request.path_params["id"])
        context.process.acts.cancel(number)
        return RedirectResponse(f"/acts/{number}", HTTPStatus.SEE_OTHER)

    return (Route("/acts", start, methods=["POST"]), Route("/acts/{id}/cancel", cancel, methods=["POST"]))


def _require(context: Context) -> None:
    if not context.may_act:
        raise NotAllowed("nothing is started or stopped from here", "These pages only show; see web.read_only.")
