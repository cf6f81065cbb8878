"""What `apply` is given: parsing, defaults and checks, and the order of dependencies."""

import ipaddress
import json
import pwd
import re

from .base import POD_JSON, PodError, read_text

NAME = re.compile(r"[a-z0-9-]{1,40}\Z")
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*\Z")
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
DEFAULT_PORT = 3000


def _text(holder, key, what, default=None):
    value = holder.get(key, default)
    if value is None:
        value = default
    if not isinstance(value, str) or "\0" in value:
        raise PodError("%s: %s must be text" % (what, key))
    return value


def _port(value, what):
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise PodError("%s: %r is not a port; a port is a number from 1 to 65535" % (what, value))
    return value


def _host(value):
    if not isinstance(value, str) or not HOST.match(value) or len(value) > 253:
        raise PodError("hosts: %r is not a hostname in lower case" % (value,))
    return value


def _address(value):
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise PodError("publish: %r is not an IP address" % (value,)) from None


def _environment(value, what):
    if not isinstance(value or {}, dict):
        raise PodError("%s: env must be an object of texts" % what)
    for key, text in (value or {}).items():
        if not ENV_NAME.match(key):
            raise PodError("%s: %r cannot be the name of an environment variable" % (what, key))
        if not isinstance(text, str) or "\0" in text:
            raise PodError("%s: the value of %s in env must be text" % (what, key))
    return dict(value or {})


def account(user, what):
    """The account called `user`."""
    try:
        return pwd.getpwnam(user)
    except KeyError:
        raise PodError("%s: there is no user %r in the pod; create it first or use root" % (what, user)) from None


def _service(entry, pod):
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not NAME.match(entry["name"]):
        raise PodError("services: a name must match [a-z0-9-]{1,40}, got %r" % (entry.get("name") if isinstance(entry, dict) else entry,))
    what = "service " + entry["name"]
    service = {
        "name": entry["name"],
        "kind": _text(entry, "kind", what, "process"),
        "command": _text(entry, "command", what, ""),
        "workingDir": _text(entry, "workingDir", what, pod["workingDir"]) or pod["workingDir"],
        "user": _text(entry, "user", what, pod["user"]) or pod["user"],
        "env": _environment(entry.get("env"), what),
        "port": _port(entry["port"], what) if entry.get("port") is not None else None,
        "dependsOn": list(entry.get("dependsOn") or []),
        "healthCheck": _text(entry, "healthCheck", what, ""),
        "shell": entry.get("shell") is True,
    }
    if not service["command"].strip():
        raise PodError("%s: command is empty" % what)
    if not service["workingDir"].startswith("/"):
        raise PodError("%s: workingDir must be an absolute path, got %r" % (what, service["workingDir"]))
    account(service["user"], what)
    return service


def parse(text):
    """The checked pod description, with its services in dependency order."""
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise PodError("the pod description is not valid JSON: %s" % error) from None
    if not isinstance(raw, dict) or raw.get("version") != 1:
        raise PodError("the pod description must be an object with version 1; this image and the daemon do not match")
    pod = dict(raw)
    pod["name"] = _text(raw, "name", "pod", "")
    pod["slug"] = _text(raw, "slug", "pod", pod["name"])
    pod["workingDir"] = _text(raw, "workingDir", "pod", "/workspace") or "/workspace"
    pod["user"] = _text(raw, "user", "pod", "root") or "root"
    account(pod["user"], "pod")
    pod["env"] = _environment(raw.get("env"), "pod")
    pod["defaultPort"] = _port(raw.get("defaultPort") or DEFAULT_PORT, "defaultPort")
    if pod["slug"] and not SLUG.match(pod["slug"]):
        raise PodError("slug: %r cannot be part of a hostname" % pod["slug"])
    pod["hosts"] = [_host(name) for name in raw.get("hosts") or []]
    pod["publish"] = _address(raw.get("publish") or "127.0.0.1")
    pod["ports"] = [
        {"name": _text(entry, "name", "ports", ""), "port": _port(entry.get("port"), "ports")} for entry in raw.get("ports") or []
    ]
    services = [_service(entry, pod) for entry in raw.get("services") or []]
    names = [service["name"] for service in services]
    for name in names:
        if names.count(name) > 1:
            raise PodError("two services are called %s" % name)
    pod["services"] = in_order(services)
    return pod


def in_order(services):
    """The services, each after what it depends on; refuses unknown names and circles."""
    by_name = {service["name"]: service for service in services}
    ordered, done, path = [], set(), []

    def visit(service):
        name = service["name"]
        if name in done:
            return
        if name in path:
            raise PodError("services depend on each other in a circle: %s" % " -> ".join(path[path.index(name):] + [name]))
        path.append(name)
        for dependency in service["dependsOn"]:
            if dependency not in by_name:
                raise PodError("service %s depends on %r, which is not a service of this pod" % (name, dependency))
            visit(by_name[dependency])
        path.pop()
        done.add(name)
        ordered.append(service)

    for service in services:
        visit(service)
    return ordered


def current():
    """The description last applied, or an empty one."""
    text = read_text(POD_JSON)
    return parse(text if text is not None else '{"version":1}')


def service_named(name):
    """The service of the pod called `name`."""
    for service in current()["services"]:
        if service["name"] == name:
            return service
    raise PodError("there is no service %r in this pod" % name)
