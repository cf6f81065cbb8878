"""What is running: states of services, listening ports and who owns them."""

import os
import subprocess
import time

from .base import read_text
from .supervision import defined, directory

# Quick deaths in a row from which a service is called failed; it is still tried again.
FAILED_AFTER = 5


def _number(name, file):
    text = read_text(os.path.join(directory(name), file))
    return int(text) if text and text.strip().isdigit() else 0


def _state(name, up, seconds, wanted):
    phase = (read_text(os.path.join(directory(name), "state")) or "").strip()
    fails = _number(name, "fails")
    if not up and not wanted:
        return "stopped"
    if phase == "waiting":
        return "starting"
    if up and phase == "running" and (fails == 0 or seconds >= 10):
        return "running"
    if phase == "" and fails == 0:
        return "starting"
    if fails >= FAILED_AFTER:
        return "failed"
    if up and phase == "running" and seconds >= 1 + 2 * fails:
        return "running"
    return "restarting"


def services():
    """State, pid, restarts and since (Unix seconds) of every service."""
    asked = [
        (name, subprocess.Popen(
            ["s6-svstat", "-o", "up,pid,updownfor,wantedup", directory(name)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ))
        for name in defined()
    ]
    found = []
    for name, process in asked:
        fields = process.communicate()[0].decode().split()
        if len(fields) != 4:
            found.append({"name": name, "state": "starting", "pid": None, "restarts": 0, "since": int(time.time())})
            continue
        up, seconds, wanted = fields[0] == "true", int(fields[2]), fields[3] == "true"
        if up and os.path.exists(os.path.join(directory(name), "launched")):
            with open("/proc/uptime", encoding="ascii") as file:
                seconds = min(seconds, max(0, int(float(file.read().split()[0])) - _number(name, "launched")))
        found.append({
            "name": name,
            "state": _state(name, up, seconds, wanted),
            "pid": int(fields[1]) if up else None,
            "restarts": _number(name, "restarts"),
            "since": int(time.time()) - seconds,
        })
    return found


def _sockets():
    """{port: inodes} of listening TCP sockets, as the kernel tells."""
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in (read_text(table) or "").splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == "0A":
                found.setdefault(int(fields[1].rsplit(":", 1)[1], 16), set()).add(fields[9])
    return found


def accepts(port):
    """Whether something accepts connections on the loopback port."""
    import socket

    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.settimeout(1)
                probe.connect((address, port))
                return True
        except OSError:
            continue
    return False


def listening(candidates=()):
    """Listening TCP ports. Where the sandbox does not show its sockets, those of `candidates` that accept."""
    seen = _sockets()
    if 80 in seen:
        return sorted(seen)
    return sorted(set(seen) | {port for port in candidates if accepts(port)})


def owners():
    """{port: service} as far as the kernel shows who holds a socket."""
    leaders = {}
    for name in defined():
        text = read_text(os.path.join(directory(name), "leader"))
        if text and text.strip().isdigit():
            leaders[int(text)] = name
    held = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            name = leaders.get(os.getpgid(int(entry))) or leaders.get(os.getsid(int(entry)))
            if name is None:
                continue
            for descriptor in os.listdir("/proc/%s/fd" % entry):
                target = os.readlink("/proc/%s/fd/%s" % (entry, descriptor))
                if target.startswith("socket:["):
                    held[target[8:-1]] = name
        except OSError:
            continue
    found = {}
    for port, inodes in _sockets().items():
        for inode in inodes:
            if inode in held:
                found[port] = held[inode]
    return found
