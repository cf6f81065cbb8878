//! Transcripts: what the core asks for in situations worth reading.
//!
//! A script is a line `= command` and, below it, what followed. Run with
//! `UPDATE_GOLDEN=1` to write what follows anew; read the difference.

mod model;

use model::specs;
use model::world::{Ending, World};
use pinacle_core::engine::{ContainerState, FailureClass, LABEL_SPEC};
use pinacle_core::event::{Action, LossConsent, Request, SlugChoice};
use pinacle_core::settings::Settings;
use pinacle_protocol::{HostId, OwnerId, PodId, RequestId};
use std::path::Path;

fn settings(seed: u64) -> Settings {
    let owner = OwnerId::new(model::world::OWNER).expect("an owner");
    Settings { spares: 0, ..Settings::new(owner, seed) }
}

/// For scripts that begin with the words [`SPARES`].
fn two_spares(seed: u64) -> Settings {
    Settings { spares: 2, ..settings(seed) }
}

const SPARES: &str = "# With two spares";

/// For scripts that begin with the words [`ONE_PORT`].
fn one_port(seed: u64) -> Settings {
    let mut settings = settings(seed);
    settings.ports = 30_000..=30_000;
    settings
}

const ONE_PORT: &str = "# With one port";

fn local() -> HostId {
    HostId::local()
}

fn pod(world: &World, slug: &str) -> PodId {
    let of =
        |id: &&PodId| world.state.pod_record(id).is_some_and(|record| record.slug.as_str() == slug);
    let id = world.state.pod_ids().find(of).cloned();
    let known =
        || world.hosts[&local()].pods().into_iter().find(|id| id.as_str().starts_with(slug));
    id.or_else(known).unwrap_or_else(|| panic!("no pod {slug}"))
}

/// Does what a command says.
fn command(world: &mut World, line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["up"] => {
            world.announce(&local())?;
            world.go_on_with_host_look(0, false)
        }
        ["create", name, spec, ref more @ ..] => {
            let id = request_id(world, more);
            let source = more.contains(&"with-source");
            let mut request = specs::create(id.clone(), &local(), name, specs::text(spec), source);
            if let (Request::Create(create), true) = (&mut request, more.contains(&"explicit")) {
                create.slug_choice = SlugChoice::Explicit;
            }
            world.ask(id, request)
        }
        [action @ ("start" | "stop" | "restart" | "delete"), name, ref more @ ..] => {
            let action = match action {
                "start" => Action::Start,
                "stop" => Action::Stop,
                "restart" => Action::Restart,
                _ => Action::Delete,
            };
            let (request_id, pod) = (request_id(world, more), pod(world, name));
            world.ask(request_id.clone(), Request::Act { request_id, pod, action })
        }
        ["reconfigure", name, spec, ref more @ ..] => {
            let (id, pod) = (request_id(world, more), pod(world, name));
            let revision = world.state.pod_record(&pod).expect("a pod").spec_revision;
            let stale = more.contains(&"stale");
            let expected = if stale { revision.next() } else { revision };
            let refused = more.contains(&"without-consent");
            let loss = if refused { LossConsent::NotGiven } else { LossConsent::Accepted };
            let text = specs::text(spec);
            world.ask(id.clone(), specs::reconfigure(id, &pod, expected, text, loss))
        }
        ["adopt", name] => {
            let (request_id, pod) = (world.new_request_id(), pod(world, name));
            world.ask(request_id.clone(), Request::Adopt { request_id, host: local(), pod })
        }
        _ => go_on(world, &words),
    }
}

/// Lets what is under way go on, or the daemon or its host end.
fn go_on(world: &mut World, words: &[&str]) -> Result<(), String> {
    match *words {
        ["ok"] => world.end_call(0, Ending::AsItIs),
        ["ok", times] => {
            for _ in 0..times.parse().expect("a count") {
                world.end_call(0, Ending::AsItIs)?;
            }
            Ok(())
        }
        ["fail", class] => world.end_call(0, Ending::Refused(class_of(class))),
        ["lost", "done"] => world.end_call(0, Ending::DoneUnknown),
        ["lost", "not-done"] => world.end_call(0, Ending::Unknown),
        ["look"] => {
            let pod = world.looks.keys().next().cloned().ok_or("nothing is looked at")?;
            world.go_on_with_look(&pod, false)
        }
        ["tick"] => world.tick(),
        ["later", seconds] => {
            world.mono_ms += seconds.parse::<u64>().expect("seconds") * 1_000;
            Ok(())
        }
        ["rest"] => world.come_to_rest(),
        ["read", how] => world.end_read(0, how == "legible"),
        ["crash", how] => {
            if how == "done" {
                let call = world.calls[0].clone();
                let _ = world.host(&call.host).carry_out(&call.owner, &call.call);
            }
            world.restart();
            Ok(())
        }
        ["lose-database"] => {
            world.lose_database();
            Ok(())
        }
        ["host", "down"] => world.host_goes_down(&local(), false),
        ["host", "power-cut"] => world.host_goes_down(&local(), true),
        ["host", "back"] => {
            world.host_comes_back(&local());
            Ok(())
        }
        _ => disturb(world, words),
    }
}

/// Does something on the host behind the core's back.
fn disturb(world: &mut World, words: &[&str]) -> Result<(), String> {
    if let ["squat", port] = words {
        let port = port.parse().expect("a port");
        world.host(&local()).squatted.insert(port);
        return Ok(());
    }
    if let ["leaves", port] = words {
        world.host(&local()).squatted.remove(&port.parse().expect("a port"));
        return Ok(());
    }
    if let ["route", network] = words {
        let network = network.parse().expect("a network");
        world.host(&local()).routed.insert(pinacle_core::engine::Subnet { network });
        return Ok(());
    }
    let (unheard, words) = match words {
        ["unheard", words @ ..] => (true, words),
        words => (false, words),
    };
    let [what, slug] = words else { return Err(format!("what is {words:?}?")) };
    let id = pod(world, slug);
    let name = pinacle_core::names::container(&id);
    let engine = world.host(&local());
    match *what {
        "dies" => engine.stop(&name, 1),
        "oom" => {
            engine.stop(&name, 137);
            engine.containers.get_mut(&name).expect("a container").oom = true;
        }
        "removed" => drop(engine.containers.remove(&name)),
        "paused" => {
            engine.containers.get_mut(&name).expect("a container").state = ContainerState::Paused;
        }
        "network-removed" => drop(engine.networks.remove(&pinacle_core::names::network(&id))),
        "pruned" => engine.networks.retain(|_, network| network.labels.contains_key(LABEL_SPEC)),
        "foreign" => {
            let id = world.make_foreign(&local());
            return id;
        }
        _ => return Err(format!("what is {words:?}?")),
    }
    if !unheard {
        world.touched(&local(), &id);
    }
    Ok(())
}

fn request_id(world: &mut World, more: &[&str]) -> RequestId {
    let given = more.iter().find_map(|word| word.strip_prefix("as="));
    given.map_or_else(|| world.new_request_id(), |id| RequestId::new(id).expect("an id"))
}

fn class_of(word: &str) -> FailureClass {
    match word {
        "retryable" => FailureClass::Retryable,
        "permanent" => FailureClass::Permanent,
        "command" => FailureClass::CommandFailed,
        "missing" => FailureClass::Missing,
        "cancelled" => FailureClass::Cancelled,
        _ => panic!("no class {word}"),
    }
}

/// Plays the commands of a script and returns it with what followed each.
fn transcript(script: &str) -> String {
    let settings = match script {
        script if script.starts_with(ONE_PORT) => one_port,
        script if script.starts_with(SPARES) => two_spares,
        _ => settings,
    };
    let mut world = World::new(&["local"], settings);
    let mut text = String::new();
    for line in script.lines().filter(|line| line.starts_with(['=', '#'])) {
        text += &format!("{line}\n");
        let Some(said) = line.strip_prefix('=') else { continue };
        let before = world.log.len();
        let result = command(&mut world, said.trim());
        for line in &world.log[before..] {
            // A line of a script of its own would be taken for a remark next time.
            text += &format!("  {}\n", line.trim_end());
        }
        if let Err(wrong) = result {
            text += &format!("  WRONG: {wrong}\n");
        }
    }
    text
}

#[test]
fn scripts_go_as_they_went() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut scripts: Vec<_> = std::fs::read_dir(&dir)
        .expect("the scripts")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    scripts.sort();
    assert!(!scripts.is_empty());
    let mut different = Vec::new();
    for path in scripts {
        let script = std::fs::read_to_string(&path).expect("a script");
        let now = transcript(&script);
        if let Some(wrong) = now.lines().find(|line| line.contains("WRONG")) {
            different.push(format!("{}: {wrong}", path.display()));
        }
        if now == script {
            continue;
        }
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &now).expect("a script to write");
        } else {
            let line = now.lines().zip(script.lines()).position(|(a, b)| a != b);
            let at = line.unwrap_or(now.lines().count().min(script.lines().count()));
            let got = now.lines().nth(at).unwrap_or("its end");
            different.push(format!("{}:{}: now {got}", path.display(), at + 1));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
