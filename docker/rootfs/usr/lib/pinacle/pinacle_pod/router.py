"""What Nginx is told: the default port and the ports with kept-alive connections."""

import contextlib
import json
import os
import signal
import subprocess
import time

from .base import NGINX_DIR, RUN, PodError, read_text, write_atomic

# Where development servers usually listen, so that they are fast before anybody names them.
USUAL = sorted({
    *range(3000, 3011), *range(5173, 5181), *range(8000, 8011), *range(8080, 8091),
    1234, 1313, 2528, 4000, 4173, 4200, 4321, 5000, 5001, 5262, 5678, 6006, 7493, 7681, 7777, 8726, 8787, 8888, 9000, 9090, 19006,
})
LEARNED = NGINX_DIR + "/learned.json"
# A bound on what requests to odd ports may add.
MOST_LEARNED = 64


def learned():
    """Ports that were found out from requests."""
    try:
        found = json.loads(read_text(LEARNED) or "[]")
    except ValueError:
        return []
    return [port for port in found if isinstance(port, int)]


def known(pod):
    """Every port that gets kept-alive connections."""
    ports = {pod["defaultPort"], *USUAL, *learned()}
    ports.update(entry["port"] for entry in pod["ports"])
    ports.update(service["port"] for service in pod["services"] if service["port"])
    return sorted(ports - {80})


def _files(pod):
    # [::1] is tried only after 127.0.0.1 refused. The connections are given up before the servers people use close them
    # (5 s is common): a request that meets such a close would be answered with an error.
    group = (
        "upstream port_{0} {{\n    server 127.0.0.1:{0} max_fails=0;\n    server [::1]:{0} max_fails=0 backup;\n"
        "    keepalive 32;\n    keepalive_timeout 2s;\n    keepalive_requests 1000000;\n}}\n"
    )
    ports = known(pod)
    return {
        "default-port.conf": "default %d;\n" % pod["defaultPort"],
        "ports.map": "".join("%d port_%d;\n" % (port, port) for port in ports),
        "upstreams.conf": "".join(group.format(port) for port in ports),
    }


def write(pod):
    """Writes what changed; True if anything did. Puts the old files back when Nginx refuses the new ones."""
    files = {os.path.join(NGINX_DIR, name): text for name, text in _files(pod).items()}
    before = {path: read_text(path) for path in files}
    if before == files:
        return False
    for path, text in files.items():
        write_atomic(path, text, 0o644)
    check = subprocess.run(["nginx", "-t", "-q", "-c", NGINX_DIR + "/nginx.conf"], capture_output=True, check=False)
    if check.returncode != 0:
        for path, text in before.items():
            if text is not None:
                write_atomic(path, text, 0o644)
        raise PodError("nginx refuses its configuration, the former one stays: %s" % check.stderr.decode(errors="replace").strip())
    return True


def reload():
    """Has Nginx take the new files; connections that are open stay open."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        master = (read_text(RUN + "/nginx/leader") or "").strip()
        if master.isdigit():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(master), signal.SIGHUP)
                return
        time.sleep(0.05)
    raise PodError("nginx is not running; its messages are in the container's log")


def learn(port, pod):
    """Adds a port to those with kept-alive connections; False if it was there or there are too many."""
    if port in known(pod) or len(learned()) >= MOST_LEARNED:
        return False
    write_atomic(LEARNED, json.dumps(sorted({*learned(), port})) + "\n", 0o644)
    if not write(pod):
        return False
    reload()
    return True
