"""Making the pod what its description says."""

import os
import sys

from . import access, router, spec, supervision
from .base import POD_JSON, SPEC_YAML, make_directory, read_text, write_atomic

# Volumes of the pod: what is made there for it is its user's.
WORKSPACE = "/workspace"


def _say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _store(text, pod):
    write_atomic(POD_JSON, text)
    if isinstance(pod.get("spec"), str):
        write_atomic(SPEC_YAML, pod["spec"])
    supervision.write_environment(pod, write_atomic)


def _working_directory(pod):
    """Makes the directory everything starts in, writable for the user it starts as."""
    person = spec.account(pod["user"], "pod")
    make_directory(pod["workingDir"], person.pw_uid, person.pw_gid)
    for path in (WORKSPACE, pod["workingDir"], person.pw_dir):
        inside = os.path.realpath(path) == path and path.startswith((WORKSPACE, "/home/"))
        # A new volume is root's. One that the user gave to somebody stays that one's.
        if inside and os.path.isdir(path) and os.stat(path).st_uid == 0 != person.pw_uid:
            os.chown(path, person.pw_uid, person.pw_gid)


def _remove_unwanted(pod):
    wanted = {service["name"] for service in pod["services"]}
    for name in supervision.defined():
        if name not in wanted:
            supervision.remove(name)
            _say("removed %s" % name)


def _reconcile(pod):
    wanted = {service["name"]: service for service in pod["services"]}
    ports = {name: service["port"] for name, service in wanted.items()}
    present = supervision.defined()
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
        _working_directory(pod)
        # In this order a shell is never there without what guards it.
        _remove_unwanted(pod)
        before = router.write(pod, access.make_key())
        if before is not None:
            router.reload(before)
            _say("reloaded routing")
        _reconcile(pod)
    return 0
