"""fakesnow's server on a port of loopback: `python serve_fakesnow.py PORT`, in its own environment.

Its answer to a login lacks what the connector from version 5 on asks for; that is put in here.
"""

import json
import sys
from importlib import import_module

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

server = import_module("fakesnow.server")  # `fakesnow.server` is a function of that name


async def login(request: Request) -> JSONResponse:
    answer = json.loads((await server.login_request(request)).body)
    lacking = {"masterToken": answer["data"]["token"], "sessionId": 1}
    times = {"validityInSeconds": 3_600, "masterValidityInSeconds": 14_400}
    return JSONResponse({**answer, "data": {**answer["data"], **lacking, **times}})


def main(port: int) -> None:
    routes = server.app.router.routes
    for place, route in enumerate(routes):
        if isinstance(route, Route) and route.endpoint is server.login_request:
            routes[place] = Route(route.path, login, methods=["POST"])
    uvicorn.run(server.app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]))
