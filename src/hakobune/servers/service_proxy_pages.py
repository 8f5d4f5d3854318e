"""What a client of a service is told when no instance has answered: a status, a heading in Google's words where they
are known, and one line that says why.

Source: Cloud Run, "Troubleshoot issues" (https://cloud.google.com/run/docs/troubleshooting).
"""

from __future__ import annotations

from html import escape

from hakobune.servers.http.messages import Response, text_response

_HTML = "text/html; charset=UTF-8"


def _page(status: int, title: str, heading: str, why: str) -> Response:
    text = (
        f"<html><head><title>{status} {title}</title></head>\n"
        f"<body><h1>Error: {title}</h1>\n<h2>{heading}</h2>\n<p>{escape(why)}</p></body></html>\n"
    )
    return text_response(text, status, _HTML)


def not_found(why: str) -> Response:
    """404: no such service, or it may not be called from here."""
    return _page(404, "Page not found", "The requested URL was not found on this server.", why)


def bad_request(why: str) -> Response:
    """400: the request broke off, or is none."""
    return _page(400, "Bad Request", "Your client has issued a malformed or illegal request.", why)


def unauthorized(path: str, why: str) -> Response:
    """401: a token is missing, or is not good."""
    heading = f"Your client does not have permission to the requested URL <code>{escape(path[:200])}</code>."
    response = _page(401, "Unauthorized", heading, why)
    told = 'Bearer error="invalid_token" error_description="The access token could not be verified"'
    response.headers.append(("WWW-Authenticate", told))
    return response


def forbidden(path: str, why: str) -> Response:
    """403: who asks is known, and may not."""
    heading = f"Your client does not have permission to get URL <code>{escape(path[:200])}</code> from this server."
    return _page(403, "Forbidden", heading, why)


def too_many(why: str) -> Response:
    """429: no instance had room."""
    return _page(429, "Too Many Requests", "Rate exceeded.", why)


def unavailable(why: str) -> Response:
    """503: no instance can be started, or the one that had the request has failed."""
    return _page(503, "Server Error", "The service you requested is not available at this time.", why)


def timed_out(timeout_s: float) -> Response:
    """504: the request's time is over. The instance goes on."""
    return text_response(f"upstream request timeout: no whole answer within {timeout_s:g} s\n", 504)
