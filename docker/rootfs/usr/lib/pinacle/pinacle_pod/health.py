"""Waiting for a service to be healthy."""

import subprocess
import sys
import time

from . import spec, status, supervision
from .step import shell


def _check(service, pod, seconds):
    """(healthy, what was seen) of one look at the service."""
    if service["healthCheck"]:
        process = shell(
            service["healthCheck"], service["workingDir"], service["user"], supervision.environment(service, pod),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )
        try:
            output = process.communicate(timeout=max(1.0, seconds))[0]
            return process.returncode == 0, output.decode(errors="replace") or "exit code %d" % process.returncode
        except subprocess.TimeoutExpired:
            import os
            import signal

            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return False, "the health check did not end within %d s" % seconds
    if service["port"]:
        return status.accepts(service["port"]), "nothing listens on port %d" % service["port"]
    found = next((entry for entry in status.services() if entry["name"] == service["name"]), None)
    if found is None:
        return False, "not supervised"
    steady = found["state"] == "running" and time.time() - found["since"] >= 1
    return steady, "the service is %s" % found["state"]


def wait(name, timeout, delay, interval):
    """Checks until the service is healthy or `timeout` seconds are over (after `delay`); prints the last failure."""
    service = spec.service_named(name)
    pod = spec.current()
    time.sleep(delay)
    deadline = time.monotonic() + timeout
    while True:
        healthy, seen = _check(service, pod, min(30.0, deadline - time.monotonic()))
        if healthy:
            return 0
        if time.monotonic() + interval >= deadline:
            sys.stdout.write("%s is not healthy after %g s: %s\n" % (name, timeout, seen.strip()[-4000:]))
            return 1
        time.sleep(interval)
