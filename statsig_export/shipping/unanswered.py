"""What a request without an answer comes to: whether events may have arrived, and whose fault it is.

The words are our own: they hold no URL, no secret and nothing of what was sent or came back. Of a proxy they hold host
and port.
"""

import ssl
from typing import Final

from requests.exceptions import InvalidHeader, InvalidSchema, InvalidURL, MissingSchema, ProxyError
from urllib3.exceptions import LocationValueError

from statsig_export.delivery.outcomes import Outcome
from statsig_export.shipping.connection import LeftoverError, Progress, ProxyStatusError
from statsig_export.shipping.destination import seconds_to_connect
from statsig_export.shipping.http_answer import NoAnswerError
from statsig_export.webhook_setup import ca_bundle_fault, host_and_port

_OWN_FAULTS: Final = (InvalidURL, InvalidHeader, InvalidSchema, MissingSchema, LocationValueError, UnicodeError)
"""A URL, a header or a proxy that no request can be made with: nothing to try again."""
_OF_ANOTHER_HOST: Final = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH."""
_PROXY_MAY_RECOVER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""What a proxy answers to CONNECT where it cannot reach the webhook just now; all else says that it will not."""


def unanswered(error: Exception, progress: Progress, proxy: str | None, ca_bundle: str | None) -> tuple[Outcome, str]:
    """unknown, not_sent or refused, and why; `error` is what requests raised."""
    within = f"within {progress.seconds:g} s"
    cause = _innermost(error)
    if progress.body_began:
        return Outcome.UNKNOWN, _broken_off(cause, progress, within)
    if progress.expired:
        return Outcome.NOT_SENT, f"no connection {within}"
    at_proxy = f"the proxy {host_and_port(proxy)}" if proxy and isinstance(error, ProxyError) else ""
    refusal = _refusal(error, cause, at_proxy, ca_bundle)
    if refusal is not None:
        return Outcome.REFUSED, refusal
    if isinstance(cause, ProxyStatusError):
        return _judge_proxy(cause.status, host_and_port(proxy or ""))
    if isinstance(cause, LeftoverError):
        return Outcome.NOT_SENT, str(cause)
    why = f"({type(cause).__name__})"
    if isinstance(cause, TimeoutError):
        why = f"within {seconds_to_connect(progress.seconds):g} s, of which a longer timeout gives more"
    return Outcome.NOT_SENT, f"no connection{at_proxy and f' to {at_proxy}'} {why}"


def _broken_off(cause: BaseException, progress: Progress, within: str) -> str:
    if progress.expired and not progress.body_sent:
        return f"the request was not sent whole {within}: raise timeout, or lower max_bytes"
    if progress.expired:
        return f"no whole answer {within}"
    why = str(cause) if isinstance(cause, NoAnswerError) else type(cause).__name__
    return f"the connection broke before a whole answer ({why})"


def _refusal(error: Exception, cause: BaseException, at_proxy: str, ca_bundle: str | None) -> str | None:
    """Why this set-up can never send, None where it may."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate of {at_proxy or 'the webhook'} does not hold ({_why_not(cause)})"
    if isinstance(error, _OWN_FAULTS) or isinstance(cause, _OWN_FAULTS):
        return f"the webhook's URL, header or proxy cannot be used ({type(cause).__name__})"
    return ca_bundle_fault(ca_bundle) if ca_bundle else None


def _why_not(error: ssl.SSLCertVerificationError) -> str:
    """In OpenSSL's words, which name no certificate; of another host's they name the host. Since Python 3.13 more is
    asked of an authority than most were made with, those of proxies that look into TLS.
    """
    if getattr(error, "verify_code", None) in _OF_ANOTHER_HOST:
        return "it is for another host"
    return str(getattr(error, "verify_message", "")) or "no reason is given"


def _judge_proxy(status: int, proxy: str) -> tuple[Outcome, str]:
    if status in _PROXY_MAY_RECOVER:
        return Outcome.NOT_SENT, f"the proxy {proxy} does not reach the webhook (HTTP {status})"
    return Outcome.REFUSED, f"the proxy {proxy} refuses to connect to the webhook (HTTP {status}): see webhook.proxy"


def _innermost(error: BaseException) -> BaseException:
    """The first cause: requests and urllib3 wrap it in an attribute, in their arguments, or only in the context."""
    wrapped = (getattr(error, "reason", None), *error.args, error.__cause__, error.__context__)
    cause = next((inner for inner in wrapped if isinstance(inner, BaseException)), None)
    return error if cause is None else _innermost(cause)
