"""Routes of health and metrics."""

import json
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from collector.app import metrics
from collector.web.context import Context

_JSON = "application/json; charset=utf-8"


def routes(context: Context) -> tuple[Route, ...]:
    """Return /healthz, which is 503 when somebody is needed, and /metrics; neither needs the readers of pages."""

    async def health(_request: Request) -> Response:
        found = await context.process.condition()
        code = HTTPStatus.OK if found.ok else HTTPStatus.SERVICE_UNAVAILABLE
        said = context.mask.report(found.document())
        return Response(json.dumps(said, indent=2) + "\n", code, media_type=_JSON)

    async def figures(_request: Request) -> Response:
        # Starlette would write its own charset behind the type.
        return Response(await context.process.metrics(), headers={"content-type": metrics.CONTENT_TYPE})

    return Route("/healthz", health), Route("/metrics", figures)
