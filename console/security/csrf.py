"""What keeps a browser's session to its owner: headers, the cookie, and whose form it is.

The session is the operator's own token, in a cookie that scripts cannot read and that is sent with
requests of our own pages only. So nothing is kept here, any process of the API can go on with it,
and it ends when the token does. See docs/adr/0100-console.md.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import Response

PATH = "/console"
COOKIE = "saga_console"
LONGEST = 8 * 3600  # seconds: a working day, however long the token is good for
CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CSP,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not `no-referrer`, with which a browser does not say where a form comes from.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def cookie_name(request: Request) -> str:
    """Over https a browser takes a cookie of such a name only if it is Secure."""
    return f"__Secure-{COOKIE}" if _https(request) else COOKIE


def remember(request: Request, response: Response, token: str, until: float) -> None:
    """Begin a session that ends with the token, at `until` (seconds since 1970), or before."""
    response.set_cookie(
        cookie_name(request),
        token,
        max_age=max(0, min(LONGEST, int(until - time.time()))),
        path=PATH,
        secure=_https(request),
        httponly=True,
        samesite="strict",
    )


def forget(request: Request, response: Response) -> None:
    """End the session: the browser drops the token."""
    response.delete_cookie(
        cookie_name(request), path=PATH, secure=_https(request), httponly=True, samesite="strict"
    )


def form_key(token: str) -> str:
    """What a form of this session carries: only who knows the token can tell it."""
    return hashlib.sha256(b"form of the console:" + token.encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two secrets are the same, without telling by the time how much of them is."""
    return hmac.compare_digest(one.encode(), other.encode())


def is_from_here(request: Request) -> bool:
    """Whether the request comes from a page of this very host, as the browser says."""
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site") == "same-origin"
    return bool(origin) and urlsplit(origin).netloc == request.headers.get("host")


def safe_target(target: str) -> str:
    """Where to go after signing in: a page of ours, whatever the link said."""
    ours = target == PATH or target.startswith((f"{PATH}/", f"{PATH}?"))
    return target if ours and "\\" not in target and target.isprintable() else PATH


def _https(request: Request) -> bool:
    return request.url.scheme == "https"
