"""Who may reach a shell by browser: the pod's key, which is the value of a cookie, and tickets that are exchanged for it once."""

import contextlib
import hashlib
import os
import re
import time

from .base import ETC, STATE, read_text, write_atomic

COOKIE = "pinacle_access"
KEY = ETC + "/access.key"
TICKETS = STATE + "/tickets"
# Long enough to be copied by hand to another window.
SECONDS = 600
# More than anybody opens within ten minutes.
MOST = 64
TICKET = re.compile(r"[A-Za-z0-9_-]{43}\Z")


def shells(pod):
    """Ports of the services that give whoever reaches them a shell."""
    return sorted({service["port"] for service in pod["services"] if service["shell"] and service["port"]})


def key():
    """The pod's key, or None before the first `apply`."""
    return (read_text(KEY) or "").strip() or None


def make_key():
    """The pod's key, made now if there is none. It lives as long as the container."""
    if key() is None:
        write_atomic(KEY, os.urandom(32).hex() + "\n")
    return key()


def _file(ticket):
    return os.path.join(TICKETS, hashlib.sha256(ticket.encode()).hexdigest())


def _expiry(path):
    text = (read_text(path) or "").strip()
    return int(text) if text.isdigit() else 0


def _valid(expiry):
    # A clock that was set back does not make a ticket last.
    return time.time() < expiry <= time.time() + SECONDS + 1


def issue():
    """A new ticket. Only its hash is kept, so that what is on disk opens nothing."""
    os.makedirs(TICKETS, mode=0o700, exist_ok=True)
    kept = []
    for name in os.listdir(TICKETS):
        path = os.path.join(TICKETS, name)
        expiry = _expiry(path)
        if _valid(expiry):
            kept.append((expiry, path))
        else:
            _remove(path)
    for _, path in sorted(kept)[: max(0, len(kept) - MOST + 1)]:
        _remove(path)
    # Loaded here, as it takes a while and most commands do without.
    import secrets

    ticket = secrets.token_urlsafe(32)
    write_atomic(_file(ticket), "%d\n" % (time.time() + SECONDS))
    return ticket


def _remove(path):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def redeem(ticket):
    """The key for a ticket that was not used before, else None."""
    if not TICKET.match(ticket):
        return None
    path = _file(ticket)
    expiry = _expiry(path)
    try:
        # Whoever removes it is the one who used it.
        os.unlink(path)
    except FileNotFoundError:
        return None
    return key() if _valid(expiry) else None
