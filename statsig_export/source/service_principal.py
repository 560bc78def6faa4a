"""How Databricks is signed in to where nobody sits: by a token, or as a service principal (OAuth, client credentials).

Its driver takes the second only as a Python object. Left without either it opens a browser and waits for somebody.
"""

import time
from collections.abc import Callable
from typing import Any, Final

import requests
from sqlalchemy import URL

from statsig_export.errors import ConfigError, SourceError
from statsig_export.source.backends.backend import Arguments

_WAYS: Final = ("access_token", "auth_type", "credentials_provider", "_use_cert_as_auth", "use_kernel")
_PRINCIPAL: Final = ("oauth_client_id", "oauth_client_secret")
_EARLY: Final = 60
"""Seconds before its end at which a token is renewed."""
_PATIENCE: Final = 30
"""Seconds that the workspace has to give a token."""


def require_sign_in(url: URL, arguments: Arguments, table: str) -> None:
    """Raise ConfigError where the driver would ask a person, or does not know the warehouse.

    `table` is the table of export.toml: its `url` and its `connect` are meant.
    """
    given = {**url.query, **arguments}
    if not given.get("http_path"):
        raise ConfigError(
            f"{table}.url: it has no http_path, which names the SQL warehouse or cluster",
            hint="add ?http_path=/sql/1.0/warehouses/... as the warehouse's page shows it, under Connection details",
        )
    if not url.password and not any(map(given.get, _WAYS)) and not all(map(given.get, _PRINCIPAL)):
        raise ConfigError(
            f"{table}.url and [{table}.connect]: neither says how to sign in to Databricks",
            hint=f'give [{table}.connect] access_token = "env:NAME", or a service principal: oauth_client_id and '
            "oauth_client_secret (docs/how-to/databases/databricks.md)",
        )


def as_principal(url: URL, arguments: Arguments) -> dict[str, Any]:
    """The arguments of the driver: a service principal's id and secret as what it takes for them."""
    rest = {name: value for name, value in arguments.items() if name not in _PRINCIPAL}
    if arguments.get("use_kernel") or not all(map(arguments.get, _PRINCIPAL)):
        return dict(arguments)
    port = rest.get("_port", 443)
    verify = rest.get("_tls_trusted_ca_file") or not rest.get("_tls_no_verify", False)
    client = (str(arguments["oauth_client_id"]), str(arguments["oauth_client_secret"]))
    return {**rest, "credentials_provider": Tokens(f"https://{url.host}:{port}/oidc/v1/token", client, verify)}


class Tokens:
    """What the driver calls once for a function that gives it the headers of each request."""

    def __init__(self, url: str, client: tuple[str, str], verify: str | bool) -> None:  # noqa: FBT001 - requests' own
        self._url = url
        self._client = client
        self._verify = verify
        self._token = ""
        self._until = 0.0

    def auth_type(self) -> str:
        return "oauth-m2m"

    def __call__(self) -> Callable[[], dict[str, str]]:
        return self._headers

    def _headers(self) -> dict[str, str]:
        if time.monotonic() > self._until:
            self.renew()
        return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> None:
        """Raises SourceError where there is none."""
        form = {"grant_type": "client_credentials", "scope": "all-apis"}
        try:
            answer = requests.post(self._url, data=form, auth=self._client, verify=self._verify, timeout=_PATIENCE)
            told = answer.json() if answer.ok else {}
        except requests.RequestException as error:
            raise _no_token(type(error).__name__) from None
        if not isinstance(told, dict) or not isinstance(told.get("access_token"), str):
            raise _no_token(f"HTTP {answer.status_code}")
        self._token = told["access_token"]
        self._until = time.monotonic() + float(told.get("expires_in", 3_600)) - _EARLY


def _no_token(why: str) -> SourceError:
    return SourceError(
        f"the Databricks workspace gives the service principal no token: {why}",
        hint="check oauth_client_id and oauth_client_secret, that the secret has not expired, and that the service"
        " principal is of this workspace",
    )
