//! Files with something wrong: what is said, where, and the remedy.

use pinacle_core::spec::{MAX_SPEC_BYTES, parse};

use super::{check, render};

#[test]
fn the_top_level() {
    check(
        "",
        "error 1:1-1:1 : the file is empty [start with two lines: `version: \"1.0\"` and `services: [web-terminal]`]",
    );
    check(
        "- a\n",
        "error 1:1-1:2 : the file must be a mapping of settings, but is a list [write e.g. `version: \"1.0\"`]",
    );
    check(
        "version: 2\n",
        "error 1:10-1:11 version: version `2` is not supported [write `version: \"1.0\"`]",
    );
    check(
        "version: [1]\n",
        "error 1:10-1:11 version: `version` must be a version, but is a list [write e.g. `version: \"1.0\"`]",
    );
    check(
        "name: x\n---\nname: y\n",
        "error 2:1-2:4 : a second document starts here [keep one pod per file: remove the `---` and what follows it]",
    );
}

#[test]
fn a_file_too_long_is_not_even_read() {
    let parsed = parse(&vec![b'['; 10 * 1024 * 1024]);
    assert_eq!(
        render(&parsed.diagnostics),
        "error 1:1-1:1 : the file is 10240 KiB long, more than 256 KiB [check that this is the right file, and move long scripts into the repository]\n"
    );
    assert!(parse(&vec![b' '; MAX_SPEC_BYTES + 1]).spec.is_none());
}

#[test]
fn unknown_keys_are_errors_when_they_look_like_typos() {
    check(
        "serivces: [web-terminal]\n",
        "error 1:1-1:9 serivces: unknown key `serivces` [did you mean `services`? A key of your own starts with `x-`]",
    );
    check(
        "base_image: alpine\n",
        "error 1:1-1:11 base_image: unknown key `base_image` [did you mean `baseImage`? A key of your own starts with `x-`]",
    );
    check(
        "evn: {A: b}\n",
        "error 1:1-1:4 evn: unknown key `evn` [did you mean `env`? A key of your own starts with `x-`]",
    );
    check(
        "environment: {A: b}\n",
        "warning 1:1-1:12 environment: unknown key `environment` is ignored [did you mean `env`?]",
    );
    check(
        "hooks: {postStrat: x, onStop: y}\n",
        "error 1:9-1:18 hooks.postStrat: unknown key `postStrat` [did you mean `postStart`? A key of your own starts with `x-`]
         warning 1:23-1:29 hooks.onStop: unknown key `onStop` is ignored [known keys here: preStart, postStart]",
    );
    check(
        "processes: [{name: a, start_command: b}]\n",
        "error 1:13-1:14 processes[0].startCommand: `startCommand` is missing [write e.g. `{name: app, startCommand: pnpm dev}`]
         error 1:23-1:36 processes[0].start_command: unknown key `start_command` [did you mean `startCommand`? A key of your own starts with `x-`]",
    );
    check("ressources: {}\nextends: base\n", "error 1:1-1:11 ressources: unknown key `ressources` [did you mean `resources`? A key of your own starts with `x-`]
         warning 2:1-2:8 extends: unknown key `extends` is ignored [known keys here: version, name, slug, tier, resources, services, template, baseImage, install, processes, tabs, env, ports, hooks, workingDir, user, isolation, bindAddress, hosts, healthChecks]");
}

#[test]
fn unknown_words_come_with_the_list() {
    check(
        "tier: dev.smal\n",
        "error 1:7-1:15 tier: `dev.smal` is not a known tier [did you mean `dev.small`? known: dev.small, dev.medium, dev.large, dev.xlarge]",
    );
    check(
        "tier: small\n",
        "error 1:7-1:12 tier: `small` is not a known tier [did you mean `dev.small`? known: dev.small, dev.medium, dev.large, dev.xlarge]",
    );
    check(
        "services: [postgresql]\n",
        "error 1:12-1:22 services[0]: `postgresql` is not a known service [did you mean `postgres`? known: amp-code, claude-code, code-server, cursor-cli, gemini-cli, jupyter, openai-codex, postgres, qwen-code, redis, vibe-kanban, web-terminal]",
    );
    check(
        "template: rails\n",
        "error 1:11-1:16 template: `rails` is not a known template [known: agno, mastra-ai, n8n, nextjs, nextjs-chatbot, nodejs-blank, python-blank, vite]",
    );
    check(
        "isolation: kata\n",
        "error 1:12-1:16 isolation: `kata` is not a known isolation [write `gvisor` (the default, also `runsc`), or `runc` for a plain container]",
    );
}

#[test]
fn wrong_types_say_what_was_found_and_wanted() {
    check(
        "name: 12\nservices: web-terminal\ninstall: {a: b}\nprocesses: app\ntabs: [App]\nenv: [A]\nports: 3000\nhooks: [x]\nresources: 4\nhealthChecks: {}\nuser: true\n",
        "error 1:7-1:9 name: `name` must be text, but is a number [put `12` in double quotes]
         error 2:11-2:23 services: `services` must be a list, but is text [write e.g. `services: [web-terminal]`]
         error 3:10-3:11 install: `install` must be text or a list of texts, but is a mapping [write e.g. `install: pnpm install`]
         error 4:12-4:15 processes: `processes` must be a list, but is text [write e.g. `processes: [{name: app, startCommand: pnpm dev}]`]
         error 5:8-5:11 tabs[0]: `tabs[0]` must be a tab, but is text [write e.g. `{name: App, url: \"http://localhost:3000\"}`]
         error 6:6-6:7 env: `env` must be a mapping of names to values, but is a list [write e.g. `env: {NODE_ENV: development}`]
         error 7:8-7:12 ports: `ports` must be a list, but is a number [write e.g. `ports: [3000]`]
         error 8:8-8:9 hooks: `hooks` must be a mapping with `preStart` and `postStart`, but is a list [write e.g. `hooks: {preStart: ./wait.sh}`]
         error 9:12-9:13 resources: `resources` must be a mapping of limits, but is a number [write e.g. `resources: {cpuCores: 1.5, memoryMb: 2048}`]
         error 10:15-10:16 healthChecks: `healthChecks` must be a list, but is a mapping [write e.g. `healthChecks: [{command: ./check.sh}]`]
         error 11:7-11:11 user: `user` must be text, but is true or false [put `true` in double quotes]",
    );
    check(
        "install:\ntier: dev.small\n",
        "warning 1:1-1:8 install: `install` is empty and counts as not given [give it a value or remove it]",
    );
    check("install: [a, [b], 3]\n", "error 1:14-1:15 install[1]: `install[1]` must be text, but is a list [write e.g. `install: pnpm install`]
         error 1:19-1:20 install[2]: `install[2]` must be text, but is a number [put `3` in double quotes]");
}

#[test]
fn names_and_places() {
    check(
        "name: \"a\\nb\"\nslug: My Blog\nbaseImage: Not An Image\nworkingDir: work/../x\nuser: Root\nbindAddress: localhost\n",
        "error 1:7-1:13 name: `name` contains a line break or another control character [write e.g. `name: My blog`]
         error 2:7-2:14 slug: `My Blog` cannot be part of a host name [write e.g. `my-blog`: lower-case letters, digits and inner dashes, at most 40]
         error 3:12-3:24 baseImage: `Not An Image` is not an image reference [write e.g. `baseImage: pinacledev/pinacle-base:latest`]
         error 4:13-4:22 workingDir: `work/../x` is not an absolute path without `..` [write e.g. `workingDir: /workspace`]
         error 5:7-5:11 user: `Root` is not a unix user name [write a name such as `root` or `dev`: lower-case letters, digits, `_` and `-`, at most 32]
         error 6:14-6:23 bindAddress: `localhost` is not an IP address [write e.g. `bindAddress: 127.0.0.1`, which is the default]",
    );
    check(
        &format!("name: {}\n", "n".repeat(65)),
        "error 1:7-1:72 name: `name` is longer than 64 characters [write e.g. `name: My blog`]",
    );
    let lost = |span: &str, dir: &str, home: &str| {
        format!(
            "warning {span} workingDir: the project's files are copied to `{dir}`, and are lost there when the container is removed or made again [use a directory below `/workspace` or `{home}`: only those are kept]"
        )
    };
    check("workingDir: /srv/app\n", &lost("1:13-1:21", "/srv/app", "/root"));
    check("workingDir: /workspaces\n", &lost("1:13-1:24", "/workspaces", "/root"));
    check("workingDir: /root\nuser: dev\n", &lost("1:13-1:18", "/root", "/home/dev"));
    for kept in [
        "workingDir: /workspace",
        "workingDir: /workspace/app",
        "workingDir: //root/./app",
        "user: root\nworkingDir: /root/app",
        "user: dev\nworkingDir: /home/dev",
    ] {
        check(&format!("{kept}\n"), "");
    }
    check(
        "bindAddress: 0.0.0.0\n",
        "warning 1:14-1:21 bindAddress: on 0.0.0.0 the pod can be reached from the network without a password [leave `bindAddress` out to keep it to this machine]",
    );
}

#[test]
fn processes_have_names_of_their_own() {
    check(
        "processes:\n  - {name: My App, startCommand: a}\n  - {name: my-app, startCommand: b}\n  - {startCommand: c}\n  - {name: d, startCommand: \" \", url: \"http://localhost:70000\"}\n",
        "error 3:12-3:18 processes[1].name: the process named on line 2 has the same name [give each process its own name; case and punctuation do not count]
         error 4:5-4:6 processes[2].name: `name` is missing [write e.g. `{name: app, startCommand: pnpm dev}`]
         error 5:29-5:32 processes[3].startCommand: `processes[3].startCommand` is a blank command [write e.g. `startCommand: pnpm dev`, or remove it]
         error 5:39-5:63 processes[3].url: the port in `http://localhost:70000` is not a number from 1 to 65535 [write e.g. `url: \"http://localhost:3000\"`]",
    );
}

#[test]
fn tabs_that_show_nothing() {
    check(
        "tabs:\n  - name: A\n  - name: B\n    service: web-terminal\n  - url: \"http://localhost:1\"\n",
        "warning 2:5-2:9 tabs[0]: this tab has neither `service` nor `url` and shows nothing [write e.g. `{name: App, url: \"http://localhost:3000\"}`]
         warning 4:14-4:26 tabs[1].service: service web-terminal is not in `services`, so this tab shows nothing [add `web-terminal` to `services`, or remove the tab]
         error 5:5-5:8 tabs[2].name: `name` is missing [write e.g. `{name: App, url: \"http://localhost:3000\"}`]",
    );
}

#[test]
fn ports_that_are_taken_or_impossible() {
    check(
        "services: [web-terminal]\nports:\n  - 0\n  - 65536\n  - 80\n  - 7681\n  - 3000\n  - {name: a, port: 3000}\n  - {name: a, port: 3001, protocol: udp}\n  - 8080:80\n  - {name: \"a b\"}\n  - {port: 1, internal: 1}\n",
        "error 3:5-3:6 ports[0]: `0` is not a port from 1 to 65535 [write a whole number from 1 to 65535]
         error 4:5-4:10 ports[1]: `65536` is not a port from 1 to 65535 [write a whole number from 1 to 65535]
         error 5:5-5:7 ports[2]: port 80 is reserved for the pod's own router [let the app listen on another port; it is reached through the router all the same]
         error 6:5-6:9 ports[3]: port 7681 belongs to the service web-terminal [use another port; those of services need not be listed]
         error 8:21-8:25 ports[5].port: port 3000 is listed twice [remove one of the two]
         error 9:12-9:13 ports[6].name: two ports are named `a` [give each port its own name]
         error 9:37-9:40 ports[6].protocol: protocol `udp` is not supported [only `tcp` is; the key can be left out]
         error 10:5-10:12 ports[7]: `8080:80` is a pair of ports [list only the port inside the pod: every port is reached through the pod's one address]
         error 11:5-11:6 ports[8].port: `port` is missing [write e.g. `{name: app, port: 3000}`]
         error 11:12-11:17 ports[8].name: `a b` is not a name for a port [use letters, digits, `-` and `_`, at most 40]
         error 12:25-12:26 ports[9].internal: `internal` and `port` mean the same and are both given [keep `port`]",
    );
}

#[test]
fn services_share_no_port() {
    check(
        "services: [claude-code, amp-code, web-terminal, web-terminal]\n",
        "warning 1:12-1:23 services[0]: service claude-code is not available in this release yet and is skipped [leave it in for a later release, or remove it]
         error 1:25-1:33 services[1]: amp-code and claude-code are both coding assistants and share port 2528 [keep one assistant per pod]
         warning 1:49-1:61 services[3]: service web-terminal is listed twice [remove one of the two]",
    );
}

#[test]
fn resources_out_of_range() {
    check(
        "resources:\n  cpuCores: 0.01\n  memory: 64m\n  storage: 10\n  pids: 1\n  cpu: 2\n  storageMb: 5\n",
        "error 2:13-2:17 resources.cpuCores: `0.01` is not a number of CPUs from 0.05 to 256 [write e.g. `cpuCores: 1.5`]
         error 3:11-3:14 resources.memory: `64m` is not a size from 128 MiB up [write a number with its unit, e.g. `memory: 512m`]
         error 4:12-4:14 resources.storage: `10` is not a size from 1 GiB up [write a number with its unit, e.g. `storage: 20g`]
         error 5:9-5:10 resources.pids: `1` is not a number of processes from 64 to 4194304 [write a whole number from 64 to 4194304]
         error 6:8-6:9 resources.cpu: `cpu` and `cpuCores` mean the same and are both given [keep `cpuCores`]
         error 7:3-7:12 resources.storageMb: unknown key `storageMb` [did you mean `storageGb`? A key of your own starts with `x-`]",
    );
}

#[test]
fn health_checks_need_one_probe() {
    check(
        "healthChecks:\n  - name: a\n  - {command: x, http: {port: 1}}\n  - {http: {path: health}, interval: 0.5s}\n  - {command: x, name: a, timeout: soon, retries: 0}\n",
        "error 2:5-2:9 healthChecks[0]: this health check has neither `command` nor `http` [write e.g. `{http: {path: /health, port: 3000}}`]
         error 3:24-3:25 healthChecks[1].http: a health check has either `command` or `http`, not both [make two checks of it]
         error 4:12-4:13 healthChecks[2].http.port: `port` is missing [write e.g. `http: {path: /health, port: 3000}`]
         error 4:19-4:25 healthChecks[2].http.path: `health` is not a path [start it with `/` and leave host and port out, e.g. `path: /health`]
         error 4:38-4:42 healthChecks[2].interval: `0.5s` is not a time from 1s to one hour [write a number with `ms`, `s` or `m`, e.g. `30s`]
         error 5:24-5:25 healthChecks[3].name: two health checks are named `a` [give each its own name]
         error 5:36-5:40 healthChecks[3].timeout: `soon` is not a time from 100ms to one hour [write a number with `ms`, `s` or `m`, e.g. `30s`]
         error 5:51-5:52 healthChecks[3].retries: `0` is not a number of tries from 1 to 100 [write a whole number from 1 to 100]",
    );
}

#[test]
fn findings_before_a_syntax_error_are_kept() {
    check(
        "tier: dev.tiny\nprocesses:\n  - name: app\n    startCommand: \"pnpm dev\nports: [80]\n",
        "error 1:7-1:15 tier: `dev.tiny` is not a known tier [known: dev.small, dev.medium, dev.large, dev.xlarge]
         error 4:19-4:20 : the quote opened here is not closed [close it before the end of the line; for long text use `|` and indent it below]",
    );
    check(
        "env:\n  A: b\n\tB: c\n",
        "error 3:1-3:2 : a tab is used for indentation [indent with spaces, two for each level; most editors can convert the file]",
    );
    check(
        "name: x\n  # fine\ntier dev.small\n\nuser: y\n",
        "error 3:1-3:15 : there is a line without a `:` among the keys [write `key: value`, or quote the text and indent it below its key]",
    );
}

#[test]
fn env_values_are_never_quoted() {
    for text in [
        "env: {A: &s hush}\ntier: *s\n",
        "x: &s hush\nenv: {A: *s}\nname: [*s]\nuser: *s\nslug: *s\nisolation: *s\nports: [*s]\n",
        "env: {A: [hush]}\n",
        "env: [A=hush]\n",
        "env: A=hush\n",
        "env:\n  A=hush: 1\n",
        "env:\n  A=hush: 1\n  A=hush: 2\n",
        "env:\n  A: {hush: 1, hush: 2}\n",
        "env:\n  A: hush: x\n",
        "env:\n  A: \"hush\n",
        "env:\n  A: !hush x\n",
        "env:\n  A: @hush\n",
        "env:\n  A: \"\\qhush\"\n",
        "env:\n  A: \"\\0hush\"\n",
        "env:\n\tA: hush\n",
        "evn: {A: hush}\n",
        "env: {A: hush, A: hush}\n",
    ] {
        let parsed = parse(text.as_bytes());
        let rendered = render(&parsed.diagnostics);
        assert!(!rendered.contains("hush"), "{rendered}\nfor:\n{text}");
        assert!(parsed.spec.is_none(), "{text}");
    }
}
