"""What Nginx is told: the pod's names, its default port, the ports with kept-alive connections, and who may reach a shell."""

import contextlib
import hashlib
import ipaddress
import json
import os
import re
import signal
import socket
import subprocess
import time

from . import access
from .base import NGINX_DIR, RUN, PodError, read_text, write_atomic, write_together

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


def _regex(text):
    """`text` as a regular expression that matches just it, for a quoted parameter of Nginx."""
    return re.sub(r"[^A-Za-z0-9-]", lambda found: "\\" + found.group(), text)


def _names(pod):
    """The names that are the pod's own: each is an address, and has one for every port."""
    return (["pod-" + pod["slug"] + ".localhost"] if pod["slug"] else []) + pod["hosts"]


def _hosts(pod):
    lines = ['localhost "";', '127.0.0.1 "";', '"[::1]" "";']
    for name in _names(pod):
        lines += [
            '"%s" "";' % name,
            '"~^localhost-(?<asked>[1-9][0-9]{0,4})[.-]%s$" $asked;' % _regex(name),
            '"~^localhost-[0-9]+[.-]%s$" bad;' % _regex(name),
        ]
    # Whoever publishes a pod to a network is asked for by the address there. No other site can have an address as its name.
    published = ipaddress.ip_address(pod["publish"])
    if published.is_unspecified:
        lines += ['"~^[0-9.]+$" "";', '"~^\\[[0-9a-f:.]+\\]$" "";']
    elif str(published) not in ("127.0.0.1", "::1"):
        lines.append('"%s" "";' % (published if published.version == 4 else "[%s]" % published))
    return "\n".join(lines) + "\n"


def _files(pod, key):
    # [::1] is tried only after 127.0.0.1 refused. The connections are given up before the servers people use close them
    # (5 s is common): a request that meets such a close would be answered with an error.
    group = (
        "upstream port_{0} {{\n    server 127.0.0.1:{0} max_fails=0;\n    server [::1]:{0} max_fails=0 backup;\n"
        "    keepalive 32;\n    keepalive_timeout 2s;\n    keepalive_requests 1000000;\n}}\n"
    )
    ports = known(pod)
    files = {
        "default-port.conf": "default %d;\n" % pod["defaultPort"],
        "ports.map": "".join("%d port_%d;\n" % (port, port) for port in ports),
        "upstreams.conf": "".join(group.format(port) for port in ports),
        "hosts.map": _hosts(pod),
        "origins.map": "".join('"~*^https?://%s\\|" "";\n' % _regex(name) for name in pod["hosts"]),
        "shells.map": "".join("%d 1;\n" % port for port in access.shells(pod)),
        "cookie.map": '"~(?:^|; *)%s=%s(?:;|$)" 1;\n' % (access.COOKIE, key) if key else "",
    }
    digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    files["generation.conf"] = "default %s;\n" % digest
    return files


def write(pod, key=None):
    """Writes what changed. Returns what the files held before, for `reload`, or None when nothing changed. Without a key, no
    cookie opens anything."""
    files = {os.path.join(NGINX_DIR, name): text for name, text in _files(pod, key).items()}
    before = {path: read_text(path) for path in files}
    if before == files:
        return None
    # All of them are the router's alone: one holds the key.
    write_together(files)
    return before


def _check(before):
    """Raises when Nginx refuses the files, with the old ones back in their place."""
    check = subprocess.run(["nginx", "-t", "-q", "-c", NGINX_DIR + "/nginx.conf"], capture_output=True, check=False)
    if check.returncode != 0:
        write_together({path: text for path, text in before.items() if text is not None})
        raise PodError("nginx refuses its configuration, the former one stays: %s" % check.stderr.decode(errors="replace").strip())


def _master():
    master = (read_text(RUN + "/nginx/leader") or "").strip()
    return int(master) if master.isdigit() else None


def _workers(master):
    """Processes of Nginx that take connections. Ones on their way out have another title, from before they stop listening."""
    found = set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError):
            with open("/proc/%s/cmdline" % entry, "rb") as file:
                if file.read().rstrip(b"\0 ") != b"nginx: worker process":
                    continue
            with open("/proc/%s/stat" % entry, "rb") as file:
                if int(file.read().rsplit(b")", 1)[1].split()[1]) == master:
                    found.add(int(entry))
    return found


def _in_force():
    """Which files an Nginx that takes connections now was started with; None when none answers."""
    request = b"GET /.pinacle/generation HTTP/1.0\r\nHost: localhost\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", 80), timeout=2) as link:
            link.sendall(request)
            answer = b""
            while piece := link.recv(4096):
                answer += piece
    except OSError:
        return None
    return answer.rpartition(b"\r\n\r\n")[2].decode("ascii", "replace")


def reload(before):
    """Has Nginx take the new files and waits until nothing answers by the old ones; connections that are open stay open. Takes what
    `write` returned."""
    wanted = (read_text(os.path.join(NGINX_DIR, "generation.conf")) or "").strip()[len("default "):-1]
    began = time.monotonic()
    told, old, checked = None, set(), False
    while time.monotonic() < began + 30:
        master = _master()
        # Another one than was told began with the new files, or is told as well.
        if master is not None and master != told:
            old = _workers(master)
            with contextlib.suppress(ProcessLookupError):
                os.kill(master, signal.SIGHUP)
                told = master
        if told is not None and not old & _workers(told) and _in_force() == wanted:
            return
        # Nginx keeps to the old files when it refuses the new ones, so it is asked why only when it takes long: reading them
        # twice each time costs a new pod a tenth of its start.
        if not checked and time.monotonic() > began + 1:
            _check(before)
            checked = True
        time.sleep(0.01)
    raise PodError("nginx did not take its new configuration within 30 s; its messages are in the container's log")


def learn(port, pod):
    """Adds a port to those with kept-alive connections; False if it was there or there are too many."""
    if port in known(pod) or len(learned()) >= MOST_LEARNED:
        return False
    write_atomic(LEARNED, json.dumps(sorted({*learned(), port})) + "\n", 0o644)
    before = write(pod, access.key())
    if before is None:
        return False
    reload(before)
    return True
