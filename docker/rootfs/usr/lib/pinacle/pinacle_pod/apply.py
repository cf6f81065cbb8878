"""Making the pod what its description says."""

import os
import sys

from . import router, spec, supervision
from .base import POD_JSON, SPEC_YAML, read_text, write_atomic


def _say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _store(text, pod):
    write_atomic(POD_JSON, text)
    if isinstance(pod.get("spec"), str):
        write_atomic(SPEC_YAML, pod["spec"])
    supervision.write_environment(pod, write_atomic)


def _reconcile(pod):
    wanted = {service["name"]: service for service in pod["services"]}
    ports = {name: service["port"] for name, service in wanted.items()}
    present = supervision.defined()
    for name in present:
        if name not in wanted:
            supervision.remove(name)
            _say("removed %s" % name)
    new, again = [], []
    for name, service in wanted.items():
        target = supervision.directory(name)
        before = read_text(target + "/hash") if name in present else None
        changed = supervision.define(service, pod, ports)
        if before is None:
            new.append(name)
        elif before != supervision.definition_hash(service, pod):
            again.append(name)
        else:
            _say("%s %s" % ("updated" if changed else "unchanged", name))
    if new:
        supervision.rescan()
    for name in new:
        supervision.await_supervisor(name)
        _say("started %s" % name)
    for name in again:
        supervision.await_supervisor(name)
        if os.path.exists(supervision.directory(name) + "/down"):
            _say("updated %s (stopped)" % name)
            continue
        supervision.stop(name)
        supervision.start(name)
        _say("restarted %s" % name)


def apply(text):
    """Checks the description, stores it, then changes what differs: services, environment, routing."""
    pod = spec.parse(text)
    # The scanner comes up only after `boot` had the lock, so wait for it before taking the lock.
    supervision.rescan()
    with supervision.lock():
        _store(text, pod)
        os.makedirs(pod["workingDir"], exist_ok=True)
        if router.write(pod):
            router.reload()
            _say("reloaded routing")
        _reconcile(pod)
    return 0
