#!/bin/bash
# Checks the base image against the real engine.
#
#   RUNTIME   container runtime                                        (runc)
#   IMAGE     image to check; without it the image is built from here  (built)
#   BASE      base image of that build                                 (the Dockerfile's)
#   CA_BUNDLE certificates to trust while building, PEM                (none)
#   OFFLINE=1 leaves out the checks that need package registries
#
# Prints a line `ok` or `FAIL` for each check and `N passed, N failed`; removes every container it made.
# No `set -e`: every check is made and told, whatever failed before.
set -u
here=$(cd "$(dirname "$0")" && pwd)
runtime=${RUNTIME:-runc}
caps=(--cap-drop=ALL --security-opt no-new-privileges)
for cap in CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_BIND_SERVICE SETGID SETUID; do caps+=("--cap-add=$cap"); done
scratch=$(mktemp -d)
pod=pinacle-imgtest-$$
passed=0 failed=0

cleanup() { docker rm -f "$pod" >/dev/null 2>&1; docker network rm "$pod" >/dev/null 2>&1; rm -rf "$scratch"; }
trap cleanup EXIT
trap 'exit 130' INT TERM

ok() { passed=$((passed + 1)); printf 'ok   %s\n' "$1"; }
fail() { failed=$((failed + 1)); printf 'FAIL %s\n' "$1"; [ -z "${2-}" ] || printf '%s\n' "$2" | head -c 2000 | sed 's/^/     | /'; }
# is NAME WANTED GOT
is() { if [ "$2" = "$3" ]; then ok "$1"; else fail "$1" "wanted: $2
got:    $3"; fi; }
# has NAME PIECE TEXT
has() { case $3 in *"$2"*) ok "$1" ;; *) fail "$1" "no '$2' in: $3" ;; esac; }
# lacks NAME PIECE TEXT
lacks() { case $3 in *"$2"*) fail "$1" "found '$2' in: $3" ;; *) ok "$1" ;; esac; }
# within SECONDS COMMAND...: true as soon as the command is
within() {
    local end=$((SECONDS + $1 + 1)); shift
    until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done
}
check() { local name=$1; shift; if "$@" >/dev/null 2>&1; then ok "$name"; else fail "$name" "$*"; fi; }
now_ms() { date +%s%3N; }
# Not stat: that of Debian 12 does not work in the gVisor of Debian 12.
mode_of() { inside python3 -c 'import os,sys; print("%o" % (os.stat(sys.argv[1]).st_mode & 0o777))' "$1"; }
inside() { docker exec "$pod" "$@"; }
# at HOST PATH [curl options]
at() { local host=$1 path=$2; shift 2; curl -s --max-time 60 -H "Host: $host" "$@" "http://127.0.0.1:$port$path"; }
field() { python3 -c 'import json,sys; value=json.load(sys.stdin)
for key in sys.argv[1].split("."): value=value[int(key)] if isinstance(value,list) else value.get(key)
print(value)' "$1" 2>&1; }
service_pid() { inside pinacle-pod status | python3 -c 'import json,sys
print([s["pid"] for s in json.load(sys.stdin)["services"] if s["name"]==sys.argv[1]][0])' "$1"; }
service_state() { inside pinacle-pod status | python3 -c 'import json,sys
print([s["state"] for s in json.load(sys.stdin)["services"] if s["name"]==sys.argv[1]][0])' "$1"; }
in_state() { [ "$(service_state "$1")" = "$2" ]; }

# A network of its own, as pods have; older gVisor network stacks do not find out about a path with smaller packets.
mtu=$(cat "/sys/class/net/$(ip route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)/mtu" 2>/dev/null || echo 1500)
docker network create -o com.docker.network.driver.mtu="$mtu" "$pod" >/dev/null || exit 1

start_pod() {
    docker rm -f "$pod" >/dev/null 2>&1
    docker run -d --name "$pod" --network "$pod" --runtime "$runtime" "${caps[@]}" --sysctl net.ipv6.conf.all.disable_ipv6=0 \
        -p 127.0.0.1::80 "$@" "$IMAGE" >/dev/null || { echo "the pod does not start"; exit 1; }
    port=$(docker port "$pod" 80 | head -n 1 | sed 's/.*://')
    within 60 curl -fs "http://127.0.0.1:$port/.pinacle/ready"
}

apply() { docker exec -i "$pod" pinacle-pod apply 2>&1; }

if [ -z "${IMAGE-}" ]; then
    IMAGE=pinacle-base:imgtest
    cp -r "$here/." "$scratch/context"
    [ -z "${CA_BUNDLE-}" ] || cp "$CA_BUNDLE" "$scratch/context/ca/host-ca.crt"
    DOCKER_BUILDKIT=0 docker build ${BASE:+--build-arg BASE="$BASE"} -t "$IMAGE" "$scratch/context" >"$scratch/build.log" 2>&1 ||
        { tail -n 30 "$scratch/build.log"; echo "the image does not build"; exit 1; }
fi
echo "image $IMAGE, $(($(docker image inspect -f '{{.Size}}' "$IMAGE") / 1000000)) MB, runtime $runtime"

probe=(-v "$here/test/probe.py:/opt/probe.py:ro")

# --- start ---
begin=$(now_ms)
if start_pod "${probe[@]}" -e "PINACLE_RESOLVERS=$(awk '/^nameserver/ {print $2; exit}' /etc/resolv.conf)"; then
    ok "ready $(($(now_ms) - begin)) ms after docker run"
else
    fail "ready within 60 s" "$(docker logs "$pod" 2>&1)"; exit 1
fi
is "ready says ok, on any host" ok "$(at whatever.example /.pinacle/ready)"
has "resolvers are written" "options ndots:0" "$(inside cat /etc/resolv.conf)"
lacks "the engine's resolver is gone" 127.0.0.11 "$(inside cat /etc/resolv.conf)"

# --- before the first apply ---
scanned() { inside s6-svscanctl -a /dev/shm/pinacle-services; }
for round in "when it is new" "also when that was killed"; do
    if within 60 scanned; then ok "a supervisor waits for services, $round"; else fail "supervisor, $round" "$(inside ps -eo pid,ppid,args)"; fi
    is "whose directory is private, $round" 700 "$(mode_of /dev/shm/pinacle-services)"
    inside sh -c 'kill -9 $(pgrep -x s6-svscan | grep -vx 1)'
done
is "and nothing is supervised" '{"services": [], ' "$(inside pinacle-pod status | cut -c1-17)"

# --- apply ---
cat >"$scratch/pod.json" <<'J'
{"version":1,"id":"t1","name":"blog","slug":"blog","revision":1,"defaultPort":3000,"externalPort":30000,"workingDir":"/workspace/blog","user":"root",
 "env":{"GREETING":"it's \"me\" $HOME `x`\nline 2","PLAIN":"1"},
 "services":[
  {"name":"app","kind":"process","command":"python3 /opt/probe.py serve 127.0.0.1 3000","port":3000,"dependsOn":["db"],"env":{"PLAIN":"2"},
   "healthCheck":"curl -fsS localhost:3000"},
  {"name":"db","kind":"service","command":"sleep 1; exec python3 /opt/probe.py serve 127.0.0.1 5432","port":5432,"healthCheck":""},
  {"name":"six","command":"python3 /opt/probe.py serve ::1 3006","port":3006},
  {"name":"odd","command":"python3 /opt/probe.py serve 127.0.0.1 41234"},
  {"name":"odd-six","command":"python3 /opt/probe.py serve ::1 41236"},
  {"name":"says","command":"printf '%s|%s|%s|%s\\n' \"$GREETING\" \"$PLAIN\" \"$PWD\" \"$(id -un)\"; exec sleep 10000","user":"nobody","workingDir":"/workspace/says"},
  {"name":"broken","command":"echo trying; exit 3"},
  {"name":"web-terminal","kind":"service","command":"ttyd -p 7681 -i 127.0.0.1 -w /workspace --writable -- tmux new -As main","port":7681,"shell":true}],
 "hosts":["blog.example.com"],
 "ports":[{"name":"<script>x","port":3000}],"spec":"name: blog\n"}
J
out=$(apply <"$scratch/pod.json"); is "apply succeeds" 0 $?
has "apply starts services" "started app" "$out"
out=$(apply <"$scratch/pod.json")
has "apply again changes nothing" "unchanged app" "$out"; lacks "nor starts anything" "started" "$out"
is "pod.json is private" 600 "$(mode_of /etc/pinacle/pod.json)"
is "env.sh is private" 600 "$(mode_of /etc/pinacle/env.sh)"
is "the spec is kept" "name: blog" "$(inside cat /etc/pinacle/pinacle.yaml)"
out=$(echo '{"version":1,"services":[{"name":"a","command":"x","dependsOn":["b"]},{"name":"b","command":"x","dependsOn":["a"]}]}' | apply)
is "a circle is refused" 1 $?; has "and named" "a -> b -> a" "$out"
out=$(echo '{"version":1,"services":[{"name":"../x","command":"x"}]}' | apply); is "a bad name is refused" 1 $?
out=$(echo '{"version":2}' | apply); is "another version is refused" 1 $?
has "none of that changed the pod" '"blog"' "$(inside cat /etc/pinacle/pod.json)"
check "app becomes healthy" inside pinacle-pod healthy app --timeout 30
check "db is healthy by its port" inside pinacle-pod healthy db --timeout 30
check "web-terminal is healthy" inside pinacle-pod healthy web-terminal --timeout 30
check "says is healthy by staying up" inside pinacle-pod healthy says --timeout 30
out=$(inside pinacle-pod healthy broken --timeout 2); is "broken is not healthy" 1 $?
has "and the reason is printed" "not healthy" "$out"
has "env, directory and user of a service" "it's \"me\" \$HOME \`x\`" "$(inside pinacle-pod log says)"
has "second line of it" "line 2|1|/workspace/says|nobody" "$(inside pinacle-pod log says)"
is "env in a login shell" "it's \"me\" \$HOME \`x\`
line 2" "$(inside bash -lc 'echo "$GREETING"')"
has "env in an interactive shell" "line 2" "$(inside bash -ic 'echo "$GREETING"' 2>/dev/null)"

# --- routing ---
dot=localhost-3000.pod-blog.localhost dash=localhost-3000-pod-blog.localhost
for host in $dot $dash $dot:30000 $dash:30000 LOCALHOST-3000.Pod-Blog.localhost:30000 127.0.0.1:30000 localhost pod-blog.localhost; do
    is "3000 at $host" localhost:3000 "$(at "$host" /a | field headers.host)"
done
is "5432 by the dot form" 5432 "$(at localhost-5432.pod-blog.localhost / | field port)"
is "port without a group" 41234 "$(at localhost-41234-pod-blog.localhost / | field port)"
head -c 3000000 /dev/urandom >"$scratch/three"
if inside python3 -c 'import socket; socket.socket(socket.AF_INET6).bind(("::1", 0))' 2>/dev/null; then
    is "::1 only, known port" AF_INET6 "$(at localhost-3006.pod-blog.localhost / | field family)"
    is "::1 only, other port" AF_INET6 "$(at localhost-41236.pod-blog.localhost / | field family)"
    is "body to ::1, known port" 3000000 "$(at localhost-3006.pod-blog.localhost / --data-binary "@$scratch/three" | field body.bytes)"
    is "body to ::1, other port, after one redirect" 3000000 "$(curl -s -L --max-time 60 --connect-to "::127.0.0.1:$port" \
        --data-binary "@$scratch/three" "http://localhost-41236.pod-blog.localhost/" | field body.bytes)"
else
    echo "skip ::1 upstreams: this sandbox has no IPv6 loopback"
fi
reply=$(at "$dot:30000" "/p//q?a=%2F&b=1" -H "X-Odd_Name: v")
is "path and query untouched" "/p//q?a=%2F&b=1" "$(field path <<<"$reply")"
is "X-Forwarded-Host" "$dot:30000" "$(field headers.x-forwarded-host <<<"$reply")"
is "X-Forwarded-Proto" http "$(field headers.x-forwarded-proto <<<"$reply")"
is "X-Forwarded-Port" 30000 "$(field headers.x-forwarded-port <<<"$reply")"
is "header with an underscore" v "$(field headers.x-odd_name <<<"$reply")"
is "no Connection header for plain requests" None "$(field headers.connection <<<"$reply")"
is "X-Forwarded-Proto https is passed on" https "$(at $dot / -H 'X-Forwarded-Proto: https' | field headers.x-forwarded-proto)"
is "nothing else is" http "$(at $dot / -H 'X-Forwarded-Proto: "><x' | field headers.x-forwarded-proto)"
is "a redirect to itself stays in the browser's address" "http://$dot:30000/there" \
    "$(at "$dot:30000" /redirect -o /dev/null -w '%header{location}' 2>/dev/null || true)"
head -c 104857600 /dev/zero >"$scratch/hundred"
is "100 MB body" 104857600 "$(at $dot / --data-binary "@$scratch/hundred" | field body.bytes)"
is "100 MB body, chunked" 104857600 "$(at $dot / -H 'Transfer-Encoding: chunked' --data-binary "@$scratch/hundred" | field body.bytes)"
is "32 kB header" 32000 "$(at $dot / -H "X-Long: $(head -c 32000 /dev/zero | tr '\0' a)" | field headers.x-long | tr -d '\n' | wc -c)"
is "response is not buffered" yes "$(python3 - "$port" <<'P'
import http.client, sys, time
link = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
begin = time.monotonic()
link.request("GET", "/slow", headers={"Host": "localhost-3000.pod-blog.localhost"})
reply = link.getresponse(); reply.read(5)
first = time.monotonic() - begin
reply.read()
print("yes" if first < 0.45 * (time.monotonic() - begin) else "no")
P
)"
is "WebSocket" ok "$(python3 "$here/test/probe.py" websocket "$port" $dot:30000 20 2>&1 | tail -n 1)"
is "WebSocket, port without a group" ok "$(python3 "$here/test/probe.py" websocket "$port" localhost-41234-pod-blog.localhost 4 2>&1 | tail -n 1)"

# --- who may ask ---
code() { local host=$1 path=$2; shift 2; at "$host" "$path" -o /dev/null -w '%{http_code}' "$@"; }
for host in evil.example evil.example:30000 localhost-3000.pod-other.localhost pod-other.localhost localhost-3000.pod-blog.localhost.evil.example \
    xlocalhost-3000.pod-blog.localhost localhost-3000.pod-blogg.localhost 10.0.0.1 0.0.0.0:30000 '[::2]' blog blog.example.com.evil.example; do
    is "421 for $host" 421 "$(code "$host" /)"
done
is "421 for no Host at all" 421 "$(printf 'GET / HTTP/1.0\r\n\r\n' | timeout 10 python3 -c '
import socket, sys
link = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); link.sendall(sys.stdin.buffer.read()); print(link.makefile().readline().split()[1])' "$port")"
lacks "and the page tells nothing of the pod" blog "$(at evil.example /)"
is "an address in the request line counts before Host" 421 "$(code $dot / --request-target http://evil.example/)"
for host in "[::1]:30000" blog.example.com localhost-3000.blog.example.com localhost-3000-blog.example.com; do is "200 for $host" 200 "$(code "$host" /)"; done
is "a WebSocket of another name" 421 "$(python3 "$here/test/probe.py" upgrade "$port" evil.example /)"
shell=localhost-7681.pod-blog.localhost:30000
is "the shell without a ticket" 403 "$(code $shell /)"
page=$(at $shell / -H 'Accept: text/html'); has "says how to open it" "pinacle-tui open blog 7681" "$page"
is "JSON too" no_ticket "$(at $shell / -H 'Accept: application/json' | field error)"
is "its WebSocket without a ticket" 403 "$(python3 "$here/test/probe.py" upgrade "$port" $shell /ws)"
is "ports without a shell have no tickets" '{"path": null, "seconds": null}' "$(inside pinacle-pod ticket 3000)"
path=$(inside pinacle-pod ticket 7681 | field path)
is "a made-up ticket" 403 "$(code $shell "/.pinacle/enter?ticket=$(printf '%043d' 0)")"
is "a ticket by another method is not used up" 405 "$(code $shell "$path" -X POST)"
is "a ticket elsewhere leads on" 303 "$(code $dot "$path")"
reply=$(at $shell "$path" -i); has "a ticket is exchanged for a cookie" "Set-Cookie: pinacle_access=" "$reply"
has "that no script reads and no other site sends" "Path=/; HttpOnly; SameSite=Strict" "$reply"; lacks "for this host alone" "Domain" "$reply"
cookie=$(sed -n 's/^Set-Cookie: \([^;]*\).*/\1/p' <<<"$reply" | tr -d '\r')
is "and is used up" 403 "$(code $shell "$path")"
is "with the cookie the shell answers" 200 "$(code $shell / -H "Cookie: $cookie")"
is "beside a cookie somebody put in its way" 200 "$(code $shell / -H "Cookie: pinacle_access=x; a=b; $cookie")"
is "a longer cookie is another" 403 "$(code $shell / -H "Cookie: ${cookie}0")"
is "one whose name only ends alike, too" 403 "$(code $shell / -H "Cookie: x$cookie")"
has "not in a frame" "X-Frame-Options: SAMEORIGIN" "$(at $shell / -H "Cookie: $cookie" -I -X GET)"
is "its WebSocket" 101 "$(python3 "$here/test/probe.py" upgrade "$port" $shell /ws "Cookie: $cookie" "Origin: http://$shell")"
is "its WebSocket, https outside" 101 "$(python3 "$here/test/probe.py" upgrade "$port" $shell /ws "Cookie: $cookie" "Origin: https://$shell")"
for origin in http://evil.example http://localhost-3000.pod-blog.localhost:30000 http://localhost-7681.pod-other.localhost:30000 \
    "http://localhost-7681.pod-blog.localhost:30001" "http://$shell.evil.example" null "http://x@$shell" "http://$shell/" file://; do
    is "not for a page of $origin" 403 "$(python3 "$here/test/probe.py" upgrade "$port" $shell /ws "Cookie: $cookie" "Origin: $origin")"
done
is "nor its form" 403 "$(code $shell / -H "Cookie: $cookie" -H 'Origin: http://evil.example' --data a=b)"
is "a proxy's own name is an origin" 101 "$(python3 "$here/test/probe.py" upgrade "$port" $shell /ws "Cookie: $cookie" "Origin: https://blog.example.com")"
for file in /etc/pinacle/access.key /etc/pinacle/nginx/cookie.map; do is "$file is private" 600 "$(mode_of $file)"; done
is "the image has no key" "" "$(docker run --rm --entrypoint sh "$IMAGE" -c 'cat /etc/pinacle/access.key /etc/pinacle/nginx/cookie.map 2>/dev/null')"
address=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$pod")
is "the shell's own port is closed to the network" 000 "$(curl -s --max-time 5 -o /dev/null -w '%{http_code}' "http://$address:7681/")"

# --- nothing there ---
is "nothing listens: 502" 502 "$(at localhost-9999.pod-blog.localhost:30000 / -o "$scratch/page" -w '%{http_code}')"
page=$(cat "$scratch/page")
has "page names the port" "Nothing listens on port 9999" "$page"
has "page links in the same form and port" 'href="http://localhost-5432.pod-blog.localhost:30000/"' "$page"
has "page escapes names" "&lt;script&gt;x" "$page"; lacks "page has no raw name" "<script>" "$page"
has "dash form too" 'href="http://localhost-5432-pod-blog.localhost:30000/"' "$(at localhost-9999-pod-blog.localhost:30000 /)"
reply=$(at localhost-9999.pod-blog.localhost / -H 'Accept: application/json')
is "JSON when asked for" not_listening "$(field error <<<"$reply")"
is "POST to nothing" 502 "$(at localhost-9999.pod-blog.localhost / --data-binary "@$scratch/three" -o /dev/null -w '%{http_code}')"
is "closed without an answer" no_answer "$(at $dot /close -H 'Accept: application/json' | field error)"
for bad in 0 70000 65536 99999999 080; do
    is "port $bad is refused" 400 "$(at localhost-$bad.pod-blog.localhost / -o /dev/null -w '%{http_code}')"
done
is "65535 is a port" 502 "$(at localhost-65535.pod-blog.localhost / -o /dev/null -w '%{http_code}')"
is "port 80 is not looped" 400 "$(at localhost-80.pod-blog.localhost / -o /dev/null -w '%{http_code}')"

# --- supervision ---
pid=$(service_pid app); begin=$(now_ms); inside kill -9 "$pid"
back() { [ "$(at $dot / -o /dev/null -w '%{http_code}')" = 200 ] && [ "$(service_pid app)" != "$pid" ]; }
if within 60 back; then ok "killed app is back after $(($(now_ms) - begin)) ms"; else fail "killed app comes back" "$(inside pinacle-pod status)"; fi
for round in first second; do
    master=$(inside cat /tmp/nginx.pid); inside kill -9 "$master"
    new_master() { [ "$(inside cat /tmp/nginx.pid)" != "$master" ] && curl -fs "http://127.0.0.1:$port/.pinacle/ready"; }
    if within 60 new_master; then ok "killed nginx is back, $round time"; else fail "killed nginx is back, $round time" "$(inside ps -eo pid,ppid,args)"; fi
done
pid=$(service_pid app); inside sh -c 'kill -9 $(pgrep -x s6-svscan | grep -vx 1)'
if within 60 back; then ok "killed supervisor of the services is back with them"; else fail "killed supervisor is back" "$(inside ps -eo pid,ppid,args)"; fi
tries=$(inside pinacle-pod log broken | grep -c trying)
# Two a minute at the most once the pauses have grown, however long all before this took.
if [ "$tries" -ge 3 ] && [ "$tries" -le $((10 + SECONDS / 30)) ]; then ok "a broken service is tried with growing pauses ($tries times so far)"; else fail "backoff" "$tries tries"; fi
has "and shows as failing" "$(service_state broken)" "restarting failed"
inside pinacle-pod stop app >/dev/null; is "stop" stopped "$(service_state app)"
inside pinacle-pod start app >/dev/null; check "start" inside pinacle-pod healthy app --timeout 20
pid=$(service_pid app); inside pinacle-pod restart app >/dev/null
check "restart" inside pinacle-pod healthy app --timeout 20
[ "$pid" != "$(service_pid app)" ] && ok "restart makes a new process" || fail "restart makes a new process"
check "status of app is running" within 60 in_state app running
has "ports say who listens" '{"port": 3000, "service": "app"}' "$(inside pinacle-pod ports)"
pid=$(service_pid app); sed 's/"PLAIN":"2"/"PLAIN":"3"/; s/"defaultPort":3000/"defaultPort":5432/; /"name":"odd"/d' "$scratch/pod.json" >"$scratch/pod2.json"
( python3 "$here/test/probe.py" load "$port" localhost-5432.pod-blog.localhost / 4 4 >"$scratch/load" 2>&1 ) & load=$!
( python3 "$here/test/probe.py" websocket "$port" localhost-5432.pod-blog.localhost 20 0.2 >"$scratch/ws" 2>&1 ) & socket=$!
within 60 inside true
out=$(apply <"$scratch/pod2.json")
has "changed service is restarted" "restarted app" "$out"; has "others are not" "unchanged db" "$out"; has "missing one is removed" "removed odd" "$out"
wait $load; case $(cat "$scratch/load") in [0-9]*) ok "no request fails during the reload" ;; *) fail "no request fails during the reload" "$(cat "$scratch/load")" ;; esac
wait $socket; is "an open WebSocket lives through the reload" ok "$(tail -n 1 "$scratch/ws")"
is "default port follows" localhost:5432 "$(at 127.0.0.1:30000 / | field headers.host)"
inside sh -c 'cp /etc/pinacle/nginx/nginx.conf /tmp/kept; echo "nonsense;" >>/etc/pinacle/nginx/nginx.conf'
sed 's/"defaultPort":5432/"defaultPort":3000/' "$scratch/pod2.json" >"$scratch/pod4.json"
out=$(apply <"$scratch/pod4.json"); is "routing that Nginx refuses fails" 1 $?; has "and says why" nonsense "$out"
is "the former routing stays" localhost:5432 "$(at 127.0.0.1:30000 / | field headers.host)"
inside sh -c 'cat /tmp/kept >/etc/pinacle/nginx/nginx.conf'
has "routing is taken once it can be" "reloaded routing" "$(apply <"$scratch/pod4.json")"
is "and is in force" localhost:3000 "$(at 127.0.0.1:30000 / | field headers.host)"
apply <"$scratch/pod2.json" >/dev/null
sed 's/"PLAIN":"1"/"PLAIN":"9"/' "$scratch/pod2.json" >"$scratch/pod3.json"
has "changed pod env restarts everything" "restarted db" "$(apply <"$scratch/pod3.json")"
is "terminal with tmux works" yes "$(inside bash -c 'export TERM=xterm-256color; tmux -L check new -d "echo from-tmux \$GREETING | head -n1 >/tmp/tmux-out; sleep 5" && for i in $(seq 600); do grep -q from-tmux /tmp/tmux-out 2>/dev/null && echo yes && break; sleep .1; done')"
docker restart "$pod" >/dev/null; port=$(docker port "$pod" 80 | head -n 1 | sed 's/.*://')
if within 60 at $dot / -f; then ok "services are back after docker restart"; else fail "services are back after docker restart" "$(docker logs "$pod" 2>&1; inside pinacle-pod status)"; fi
check "app came up after db" inside sh -c '[ $(cat /dev/shm/pinacle-services/app/launched) -ge $(cat /dev/shm/pinacle-services/db/launched) ] && ! grep -q "starting app" /var/log/pinacle/app.log'

# --- routing in force ---
# The moment `apply` returns, nothing answers by the old files any more.
for round in 1 2 3 4 5 6 7 8; do
    apply >/dev/null <<<"{\"version\":1,\"slug\":\"round-$round\",\"defaultPort\":$((4100 + round))}"
    for try in 1 2 3 4 5 6; do
        case $(at pod-round-$round.localhost / -H 'Accept: application/json' | field port) in $((4100 + round))) ;; *) echo late ;; esac
    done
done >"$scratch/late"
is "new routing is in force when apply returns" "" "$(cat "$scratch/late")"
sed 's/"defaultPort":5432/"defaultPort":7681/' "$scratch/pod3.json" | apply >/dev/null
check "web-terminal is healthy again" inside pinacle-pod healthy web-terminal --timeout 30
path=$(inside pinacle-pod ticket 7681 | field path)
for host in localhost 127.0.0.1:30000 '[::1]'; do
    is "no shell at $host, which is not the pod's alone" 403 "$(code "$host" / -H "Cookie: $cookie")"
    is "nor a cookie" "" "$(at "$host" "$path" -i | grep -i set-cookie)"
done
is "at the pod's own name there is" 200 "$(code pod-blog.localhost:30000 "$path")"
is "and the cookie of before" 200 "$(code pod-blog.localhost:30000 / -H "Cookie: $cookie")"
for host in 10.0.0.1 192.168.7.9:30000; do is "421 for $host" 421 "$(code "$host" /)"; done
sed 's/"version":1,/"version":1,"publish":"0.0.0.0",/' "$scratch/pod3.json" | apply >/dev/null
check "web-terminal is healthy when published" inside pinacle-pod healthy web-terminal --timeout 30
for host in 10.0.0.1 192.168.7.9:30000 '[fe80::1]'; do is "published to the network: any address, such as $host" 200 "$(code "$host" /)"; done
is "but no name" 421 "$(code evil.example /)"
sed 's/"version":1,/"version":1,"publish":"192.168.7.9",/' "$scratch/pod3.json" | apply >/dev/null
check "web-terminal is healthy on one address" inside pinacle-pod healthy web-terminal --timeout 30
is "published on one address: that one" "200 421" "$(code 192.168.7.9:30000 /) $(code 192.168.7.8:30000 /)"
apply <"$scratch/pod3.json" >/dev/null

# --- steps ---
is "a step runs" 'out /tmp/st' "$(inside pinacle-pod step s1 --dir /tmp/st -- 'echo "out $PWD"; echo ran >>/tmp/runs')"
out=$(inside pinacle-pod step s1 --dir /tmp/st -- 'echo again; echo ran >>/tmp/runs'); is "and not twice" "" "$out"
inside pinacle-pod step s2 --dir /tmp/st -- 'exit 7'; inside pinacle-pod step s2 --dir /tmp/st -- 'exit 0'; is "its exit code is kept" 7 $?
inside pinacle-pod step --forget s2; inside pinacle-pod step s2 --dir /tmp/st -- 'exit 0'; is "until it is forgotten" 0 $?
inside pinacle-pod step s3 --dir /tmp/st -- 'sleep 2; echo one >>/tmp/three; exit 5' & first=$!
within 60 inside test -e /var/lib/pinacle/steps/s3.lock
inside pinacle-pod step s3 --dir /tmp/st -- 'echo two >>/tmp/three'; second=$?; wait $first
is "two at once: one runs, both know" "5 5 one" "$? $second $(inside cat /tmp/three)"
is "a step sees the env" "9" "$(inside pinacle-pod step s4 --dir /tmp/st -- 'echo $PLAIN')"
inside useradd --create-home dev
is "the working directory is its user's" "dev dev" "$(echo '{"version":1,"slug":"blog","user":"dev","workingDir":"/workspace/deep/er"}' | apply >/dev/null
    inside python3 -c 'import os, pwd; print(*(pwd.getpwuid(os.stat("/workspace/deep" + d).st_uid).pw_name for d in ("/er", "")))')"
is "a step as another user" "nobody" "$(inside pinacle-pod step s5 --dir /tmp/nb --user nobody -- 'id -un')"

# --- tools and trust ---
for tool in git curl python3 node npm npx tmux ttyd ssh less nano unzip ps; do check "$tool is there" inside sh -c "command -v $tool"; done
is "locale" UTF-8 "$(inside locale charmap)"
if [ -z "${OFFLINE-}" ]; then
    check "apt-get install works" inside sh -c 'apt-get update -qq && apt-get install -y -qq jq && jq --version'
    check "npm fetches over https" inside npm view is-number version
    check "pip fetches over https" inside pip download -q --no-deps -d /tmp/pip idna
fi

# --- stop ---
# Ten seconds later the engine would have killed it, and the code would say so.
docker stop "$pod" >/dev/null
is "it stops by itself when it is told to" 0 "$(docker inspect -f '{{.State.ExitCode}}' "$pod")"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
