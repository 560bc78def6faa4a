"""BigQuery: what differs there."""

from importlib import import_module


def errors_beside(backend: str) -> tuple[type[Exception], ...]:
    """What is raised that is no error of the DB-API: Google's client, by pages, inspection and authentication."""
    if backend != "bigquery":
        return ()
    places = {"google.api_core.exceptions": "GoogleAPIError", "google.auth.exceptions": "GoogleAuthError"}
    return tuple(getattr(import_module(module), name) for module, name in places.items())
