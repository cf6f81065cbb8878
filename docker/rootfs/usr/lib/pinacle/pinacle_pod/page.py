"""The pages of the pod itself: nothing answers on the port that was asked for, a shell is not for whoever asked, and the exchange
of a ticket for the cookie. One process per page: reads the request that Nginx
passes on from standard input, writes the answer to standard output."""

import html
import json
import re
import sys

from . import access, router, status, supervision
from .base import PodError
from .spec import current, parse

HOST = re.compile(r"^localhost-[0-9]+([.-])([a-z0-9.-]+)\Z", re.I)
STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:12vh auto;padding:0 1rem}"
    "h1{font-size:1.3rem}td,th{text-align:left;padding:.2rem 1.2rem .2rem 0}p.note{opacity:.7}"
)


def _request():
    headers = {}
    sys.stdin.buffer.readline(65536)
    for _ in range(64):
        line = sys.stdin.buffer.readline(65536).decode("latin-1").strip()
        if not line:
            break
        key, _, value = line.partition(":")
        headers[key.strip().lower()] = value.strip()
    return headers


def _answer(code, reason, kind, body, extra=""):
    data = body.encode()
    head = "HTTP/1.0 %d %s\r\nContent-Type: %s; charset=utf-8\r\nContent-Length: %d\r\nCache-Control: no-store\r\n%s\r\n"
    sys.stdout.buffer.write((head % (code, reason, kind, len(data), extra)).encode("latin-1") + data)
    sys.stdout.buffer.flush()


def _address(headers, pod):
    """(scheme, separator, name behind the port, ":port") of the address the visitor used."""
    name, _, outer = headers.get("x-pinacle-host", "").partition(":")
    outer = outer if outer.isdigit() else ""
    match = HOST.match(name)
    scheme = "https" if headers.get("x-pinacle-proto") == "https" else "http"
    if match:
        return scheme, match.group(1), match.group(2).lower(), ":" + outer if outer else ""
    if name.lower() in pod["hosts"]:
        return scheme, ".", name.lower(), ":" + outer if outer else ""
    if not outer and isinstance(pod.get("externalPort"), int):
        outer = str(pod["externalPort"])
    return scheme, ".", "pod-%s.localhost" % (pod["slug"] or "pod"), ":" + outer if outer else ""


def _ports(pod, headers):
    names = {service["port"]: service["name"] for service in pod["services"] if service["port"]}
    names.update({entry["port"]: entry["name"] for entry in pod["ports"] if entry["name"]})
    scheme, separator, base, outer = _address(headers, pod)
    candidates = router.known(pod)
    holders = status.owners()
    return [
        {
            "port": port,
            "name": names.get(port) or holders.get(port) or "",
            "url": "%s://localhost-%d%s%s%s/" % (scheme, port, separator, base, outer),
        }
        for port in status.listening(candidates) if port != 80
    ]


def _message(headers, listening):
    """(status code, reason phrase, error id, title, explanation)."""
    port = headers.get("x-pinacle-port", "")
    if port == "bad":
        asked = headers.get("x-pinacle-asked", "")
        if asked == "80":
            return 400, "Bad Request", "own_port", "Port 80 is the pod's own router", "Ask for the port your program listens on."
        return 400, "Bad Request", "not_a_port", "The address names no valid port", "A port is a number from 1 to 65535."
    if any(str(entry["port"]) == port for entry in listening):
        return (502, "Bad Gateway", "no_answer", "The program on port %s gave no answer" % port,
                "It took the connection and closed it without a complete response. Its log tells more.")
    return (502, "Bad Gateway", "not_listening", "Nothing listens on port %s" % port,
            "Start the program, or have it listen on 127.0.0.1 or 0.0.0.0. This page does not reload by itself.")


def _html(title, text, listening, pod):
    rows = "".join(
        '<tr><td><a href="{url}">{port}</a></td><td>{name}</td></tr>'.format(
            url=html.escape(entry["url"], quote=True), port=entry["port"], name=html.escape(entry["name"])
        )
        for entry in listening
    )
    table = "<h2>Listening now</h2><table><tr><th>Port</th><th>Name</th></tr>%s</table>" % rows if rows else "<p>No port of this pod listens now.</p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>{title}</title><style>{style}</style></head><body><h1>{title}</h1><p>{text}</p>{table}"
        '<p class="note">Pod {pod}</p></body></html>\n'
    ).format(title=html.escape(title), style=STYLE, text=html.escape(text), table=table, pod=html.escape(pod["name"] or "without a name"))


def _repeat_elsewhere(headers, pod):
    """For a program on [::1] alone, whose port had no group yet: makes one and has the client ask again."""
    port = headers.get("x-pinacle-port", "")
    if not port.isdigit() or not headers.get("x-pinacle-repeat") or not status.accepts(int(port)):
        return False
    with supervision.lock():
        if not router.learn(int(port), pod):
            return False
    target = "%s://%s%s" % (headers.get("x-pinacle-proto", "http"), headers.get("x-pinacle-host", ""), headers["x-pinacle-repeat"])
    _answer(307, "Temporary Redirect", "text/plain", "Ask again.\n", "Location: %s\r\n" % target)
    return True


def _enter(headers, pod):
    """Exchanges a ticket for the cookie. The next page is asked for by this one, not by a redirect: a browser sends a strict cookie
    only to what a page of the same site asked for."""
    key = access.redeem(headers["x-pinacle-ticket"].partition("=")[2])
    if key is None:
        return _refuse(headers, pod, "used")
    secure = "; Secure" if headers.get("x-pinacle-proto") == "https" else ""
    cookie = "%s=%s; Path=/; HttpOnly; SameSite=Strict%s" % (access.COOKIE, key, secure)
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/">'
        '<title>Pod</title></head><body><a href="/">Go on</a></body></html>\n'
    )
    _answer(200, "OK", "text/html", body, "Set-Cookie: %s\r\nReferrer-Policy: no-referrer\r\n" % cookie)
    return 0


def _refuse(headers, pod, reason):
    port = headers.get("x-pinacle-port", "")
    scheme, separator, base, outer = _address(headers, pod)
    how = "Open it with `pinacle-tui open %s %s`, or with its key in `pinacle-tui`: that lets this browser in." % (pod["slug"], port)
    title, text = {
        "address": ("A shell has an address of its own", "A cookie given here would be sent to every program on this machine."),
        "origin": ("Another page asked for this shell", "Only pages of this very address may."),
        "used": ("This link was used before, or is too old", "A link lets one browser in, once, for ten minutes."),
    }.get(reason, ("This browser was not let in yet", "Behind this address is a shell in the pod."))
    if "application/json" in headers.get("accept", "") and "text/html" not in headers.get("accept", ""):
        body = {"error": "no_ticket" if reason in ("ticket", "used") else "other_" + reason, "message": title, "hint": how}
        _answer(403, "Forbidden", "application/json", json.dumps(body) + "\n")
        return 0
    own = "%s://localhost-%s%s%s%s/" % (scheme, port, separator, base, outer)
    # Followed from here, a strict cookie comes along that a link on another site left at home.
    again = own if reason == "address" else "/"
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>{title}</title><style>{style}</style></head><body><h1>{title}</h1><p>{text}</p><p>{how}</p>"
        '<p class="note">Let in before? <a href="{again}">Go on</a></p></body></html>\n'
    ).format(title=html.escape(title), style=STYLE, text=html.escape(text), how=html.escape(how), again=html.escape(again, quote=True))
    _answer(403, "Forbidden", "text/html", body, "X-Frame-Options: DENY\r\n")
    return 0


def main():
    """Answers one request."""
    headers = _request()
    try:
        pod = current()
    except PodError:
        pod = parse('{"version":1}')
    if "x-pinacle-ticket" in headers:
        return _enter(headers, pod)
    if headers.get("x-pinacle-refusal"):
        return _refuse(headers, pod, headers["x-pinacle-refusal"])
    if _repeat_elsewhere(headers, pod):
        return 0
    listening = _ports(pod, headers)
    code, reason, error, title, text = _message(headers, listening)
    if "application/json" in headers.get("accept", "") and "text/html" not in headers.get("accept", ""):
        asked = headers.get("x-pinacle-port", "")
        body = {"error": error, "message": title, "hint": text, "port": int(asked) if asked.isdigit() else None, "listening": listening}
        _answer(code, reason, "application/json", json.dumps(body) + "\n")
    else:
        _answer(code, reason, "text/html", _html(title, text, listening, pod))
    return 0
