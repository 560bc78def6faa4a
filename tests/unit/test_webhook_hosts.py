# ruff: noqa: RUF001 - names of other scripts
"""The hosts of a webhook's URL: what is let through is what the HTTP library makes a request of."""

import pytest
from requests import PreparedRequest, RequestException

from statsig_export.errors import ConfigError
from statsig_export.webhook_setup import checked_url

HOSTS = [
    *("localhost", "hooks.example", "HOOKS.example", "a-b.example", "münchen.example", "ΑΒΓ.example", "例え.テスト"),
    *("straße.example", "faß.de", "i❤.ws", "☃.example", "xn--mnchen-3ya.example", "ab--cd.example", "ﬀ.example"),
    *(
        "-a.example",
        "ä-.example",
        "-ä.example",
        "ä_b.example",
        "a_b.example",
        "١٢٣.example",
        "ا١.example",
        "a..example",
    ),
    *("اb.example", "é.example", "ｅxample.org", "ß" * 64 + ".example", "ä" * 60 + ".example"),
]


def requests_takes(url: str) -> bool:
    try:
        PreparedRequest().prepare_url(url, None)
    except (RequestException, ValueError):
        return False
    return True


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_that_passes_is_one_that_the_http_library_takes(host: str):
    url = f"https://{host}/webhooks/endpoint"
    try:
        checked_url("HOOK", url, no_credentials="")
    except ConfigError:
        passed = False
    else:
        passed = True

    assert requests_takes(url) or not passed


@pytest.mark.parametrize("host", ["hooks.example", "münchen.example", "例え.テスト", "faß.de"])
def test_names_of_other_scripts_pass(host: str):
    assert checked_url("HOOK", f"https://{host}/webhooks/endpoint", no_credentials="")
