//! Making a pod's container.

use super::client::{Act, CALL_LIMIT, Shared, change, gone_is_fine, is_ours, lock, look_for};
use super::error::{not_ours, permanent, retryable};
use super::line::{Line, bytes_option, cpus_option};
use super::{LABEL_RUNTIME, label_options};
use crate::journal::PodJournal;
use bollard::Docker;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerStateStatusEnum, EndpointIpamConfig,
    EndpointSettings, HostConfig, HostConfigLogConfig, Mount, MountType, MountVolumeOptions,
    NetworkingConfig, PortBinding, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, RemoveContainerOptions,
};
use pinacle_core::engine::{
    ContainerLimits, ContainerPlan, EngineFailure, EngineOutcome, LABEL_OWNER, LABEL_POD,
    LABEL_PORT, Ownership,
};
use pinacle_protocol::ErrorKind;
use std::collections::HashMap;

/// What root in a pod needs to install packages, own files, drop privileges, end
/// others' processes, listen on port 80 and run Debian's `apt` sandbox. Everything
/// that reaches devices, the network's setup or other namespaces is left out.
pub(super) const CAPABILITIES: [&str; 11] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETUID",
    "SYS_CHROOT",
];
const NO_NEW_PRIVILEGES: &str = "no-new-privileges";
const HOST_GATEWAY: &str = "host.docker.internal:host-gateway";
/// The pod's own services log inside; this is only what its first process says.
const LOG_OPTIONS: [(&str, &str); 2] = [("max-size", "1m"), ("max-file", "2")];
/// Threads of the host that one process inside gVisor takes, its kernel's own among
/// them: 10 were measured with plain `sleep`s. The limit counts those of the host, and
/// the sandbox ends with a panic, taking every process along, when it gets no more.
const SANDBOX_THREADS: u64 = 16;
/// The engine's plain runtime, by the name it gives it.
pub(super) const PLAIN_RUNTIME: &str = "runc";
/// Where Nginx listens inside.
const POD_PORT: &str = "80/tcp";

/// Looks at a container; `None` when there is none.
pub(super) async fn inspect(
    docker: &Docker,
    name: &str,
) -> Result<Option<ContainerInspectResponse>, EngineFailure> {
    let doing = format!("failed to look at the container {name}");
    look_for(&doing, docker.inspect_container(name, None::<InspectContainerOptions>)).await
}

/// Looks at a container and refuses one that is not this pod's.
pub(super) async fn inspect_ours(
    docker: &Docker,
    owner: &Ownership,
    name: &str,
) -> Result<Option<ContainerInspectResponse>, EngineFailure> {
    let found = inspect(docker, name).await?;
    match &found {
        Some(container) if !is_ours(labels(container), owner) => Err(not_ours("container", name)),
        _ => Ok(found),
    }
}

fn labels(container: &ContainerInspectResponse) -> Option<&HashMap<String, String>> {
    container.config.as_ref()?.labels.as_ref()
}

/// Returns the state's word.
pub(super) fn status(container: &ContainerInspectResponse) -> ContainerStateStatusEnum {
    let status = container.state.as_ref().and_then(|state| state.status);
    status.unwrap_or(ContainerStateStatusEnum::EMPTY)
}

/// Has the container.
pub(super) async fn ensure(
    shared: &Shared,
    owner: &Ownership,
    journal: &PodJournal,
    plan: &ContainerPlan,
) -> Result<EngineOutcome, EngineFailure> {
    let docker = shared.docker()?;
    if let Some(found) = inspect_ours(&docker, owner, &plan.name).await? {
        let differs = difference(&found, plan);
        match (differs, status(&found)) {
            (_, ContainerStateStatusEnum::REMOVING | ContainerStateStatusEnum::DEAD) => {
                return Err(retryable(format!(
                    "the container {} is still being removed",
                    plan.name
                )));
            }
            (None, _) => return Ok(EngineOutcome::Done),
            (Some(_), ContainerStateStatusEnum::CREATED) => {
                remove_never_run(&docker, journal, &plan.name).await?;
            }
            (Some(what), _) => {
                return Err(permanent(
                    ErrorKind::Conflict,
                    format!("the container {} is there with another {what}", plan.name),
                ));
            }
        }
    }
    let mut plan = plan.clone();
    plan.limits.pids = host_pids(shared, plan.runtime.as_deref(), plan.limits.pids);
    let ceiling = super::ceiling::open_files(shared.settings.socket.as_deref());
    if let Some(most) = ceiling.filter(|most| *most < plan.limits.nofile) {
        let text =
            format!("the engine cannot give more than {most} open files; the pod gets these");
        journal.note(text).await;
        plan.limits.nofile = most;
    }
    create(&docker, journal, &plan).await?;
    Ok(EngineOutcome::Done)
}

/// Returns the limit on the host for a pod that may have so many processes.
pub(super) fn host_pids(shared: &Shared, runtime: Option<&str>, pids: u64) -> u64 {
    let known = |name: &str| lock(&shared.gvisor_runtimes).contains(name);
    let is_gvisor = runtime.is_some_and(|name| name.contains("runsc") || known(name));
    if is_gvisor { pids.saturating_mul(SANDBOX_THREADS) } else { pids }
}

async fn remove_never_run(
    docker: &Docker,
    journal: &PodJournal,
    name: &str,
) -> Result<(), EngineFailure> {
    let act = Act {
        point: "remove_container",
        doing: format!("failed to remove the container {name}, which never ran"),
        line: Line::docker(&["rm"]).arg(name).done(),
        limit: CALL_LIMIT,
    };
    let call = docker.remove_container(name, None::<RemoveContainerOptions>);
    change(journal, act, gone_is_fine(call)).await
}

/// Names what of a container is not as planned; the rest cannot differ or can be changed.
fn difference(found: &ContainerInspectResponse, plan: &ContainerPlan) -> Option<&'static str> {
    let host = found.host_config.as_ref()?;
    let runtime = host.runtime.as_deref().filter(|r| !r.is_empty()).unwrap_or(PLAIN_RUNTIME);
    let image = found.config.as_ref().and_then(|c| c.image.as_deref());
    let labelled = labels(found).and_then(|l| l.get(LABEL_PORT)).map(String::as_str);
    if published_port(host) != Some(plan.port.0) || labelled != Some(&plan.port.to_string()) {
        Some("port")
    } else if image != Some(plan.image.as_str()) {
        Some("image")
    } else if runtime != plan.runtime.as_deref().unwrap_or(PLAIN_RUNTIME) {
        Some("runtime")
    } else {
        None
    }
}

/// Returns the host's port that a container is set to, running or not.
pub(super) fn published_port(host: &HostConfig) -> Option<u16> {
    let bindings = host.port_bindings.as_ref()?.get(POD_PORT)?.as_ref()?;
    bindings.iter().find_map(|b| b.host_port.as_ref()?.parse().ok())
}

async fn create(
    docker: &Docker,
    journal: &PodJournal,
    plan: &ContainerPlan,
) -> Result<(), EngineFailure> {
    let options = CreateContainerOptions { name: Some(plan.name.clone()), platform: String::new() };
    let act = Act {
        point: "create_container",
        doing: format!("failed to create the container {}", plan.name),
        line: create_line(plan),
        limit: CALL_LIMIT,
    };
    change(journal, act, docker.create_container(Some(options), body(plan))).await.map(|_| ())
}

fn resolvers_env(plan: &ContainerPlan) -> Option<String> {
    let addresses: Vec<String> = plan.resolvers.iter().map(ToString::to_string).collect();
    (!addresses.is_empty()).then(|| format!("PINACLE_RESOLVERS={}", addresses.join(" ")))
}

fn body(plan: &ContainerPlan) -> ContainerCreateBody {
    let endpoint = EndpointSettings {
        ipam_config: Some(EndpointIpamConfig {
            ipv4_address: Some(plan.address.to_string()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut labels: HashMap<_, _> = plan.labels.clone().into_iter().collect();
    labels.insert(
        LABEL_RUNTIME.to_owned(),
        plan.runtime.clone().unwrap_or_else(|| PLAIN_RUNTIME.to_owned()),
    );
    ContainerCreateBody {
        hostname: Some(plan.hostname.clone()),
        image: Some(plan.image.clone()),
        env: Some(resolvers_env(plan).into_iter().collect()),
        exposed_ports: Some(vec![POD_PORT.to_owned()]),
        labels: Some(labels),
        host_config: Some(host_config(plan)),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(plan.network.clone(), endpoint)])),
        }),
        ..Default::default()
    }
}

/// Returns the labels by which a thing is known as the pod's. The engine makes a volume that
/// was removed a moment ago anew with the container: without them nobody would ever remove it.
fn owner_labels(plan: &ContainerPlan) -> impl Iterator<Item = (String, String)> + use<'_> {
    let of = |label: &str| Some((label.to_owned(), plan.labels.get(label)?.clone()));
    [LABEL_POD, LABEL_OWNER].into_iter().filter_map(of)
}

fn host_config(plan: &ContainerPlan) -> HostConfig {
    let ContainerLimits { cpu_milli, memory_bytes, pids, nofile } = plan.limits;
    let (memory, nofile) = (signed(memory_bytes), signed(nofile));
    let binding = PortBinding {
        host_ip: Some(plan.publish.to_string()),
        host_port: Some(plan.port.to_string()),
    };
    let owned: HashMap<_, _> = owner_labels(plan).collect();
    let mounts = plan.volumes.iter().map(|(name, path)| Mount {
        typ: Some(MountType::VOLUME),
        source: Some(name.clone()),
        target: Some(path.clone()),
        volume_options: Some(MountVolumeOptions {
            labels: Some(owned.clone()),
            ..Default::default()
        }),
        ..Default::default()
    });
    HostConfig {
        // The plain runtime is asked for by name: an engine's default may be another.
        runtime: Some(plan.runtime.clone().unwrap_or_else(|| PLAIN_RUNTIME.to_owned())),
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some(signed(cpu_milli.saturating_mul(1_000_000))),
        pids_limit: Some(signed(pids)),
        ulimits: Some(vec![ResourcesUlimits {
            name: Some("nofile".to_owned()),
            soft: Some(nofile),
            hard: Some(nofile),
        }]),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(CAPABILITIES.map(str::to_owned).to_vec()),
        security_opt: Some(vec![NO_NEW_PRIVILEGES.to_owned()]),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
            maximum_retry_count: None,
        }),
        port_bindings: Some(HashMap::from([(POD_PORT.to_owned(), Some(vec![binding]))])),
        mounts: Some(mounts.collect()),
        extra_hosts: Some(vec![HOST_GATEWAY.to_owned()]),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(
                LOG_OPTIONS.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ),
        }),
        network_mode: Some(plan.network.clone()),
        init: Some(false),
        ..Default::default()
    }
}

/// The engine's API has signed numbers where only positive ones make sense.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn create_line(plan: &ContainerPlan) -> String {
    let ContainerLimits { cpu_milli, memory_bytes, pids, nofile } = plan.limits;
    let memory = bytes_option(memory_bytes);
    let mut line = Line::docker(&["create"])
        .opt("--name", &plan.name)
        .opt("--hostname", &plan.hostname)
        .opt("--runtime", plan.runtime.as_deref().unwrap_or(PLAIN_RUNTIME))
        .opt("--network", &plan.network)
        .opt("--ip", plan.address.to_string())
        .opt("--publish", format!("{}:80", super::ready::authority(plan.publish, plan.port)))
        .opt("--cpus", cpus_option(cpu_milli))
        .opt("--memory", &memory)
        .opt("--memory-swap", &memory)
        .opt("--pids-limit", pids.to_string())
        .opt("--ulimit", format!("nofile={nofile}:{nofile}"))
        .opt("--cap-drop", "ALL");
    for capability in CAPABILITIES {
        line = line.opt("--cap-add", capability);
    }
    line = line
        .opt("--security-opt", NO_NEW_PRIVILEGES)
        .opt("--restart", "unless-stopped")
        .opt("--add-host", HOST_GATEWAY)
        .opt("--log-driver", "json-file");
    for (name, value) in LOG_OPTIONS {
        line = line.opt("--log-opt", format!("{name}={value}"));
    }
    let owned: String =
        owner_labels(plan).map(|(label, value)| format!(",volume-label={label}={value}")).collect();
    for (name, path) in &plan.volumes {
        line = line.opt("--mount", format!("type=volume,source={name},target={path}{owned}"));
    }
    if let Some(env) = resolvers_env(plan) {
        line = line.opt("--env", env);
    }
    label_options(line, &plan.labels).arg(&plan.image).done()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinacle_core::engine::LABEL_SPEC;
    use pinacle_protocol::HostPort;
    use std::collections::BTreeMap;
    use std::net::{IpAddr, Ipv4Addr};

    fn plan() -> ContainerPlan {
        ContainerPlan {
            name: "pinacle-pod-a".into(),
            hostname: "blog".into(),
            image: "pinacle-base:1".into(),
            runtime: None,
            labels: BTreeMap::from([
                (LABEL_POD.to_owned(), "a".to_owned()),
                (LABEL_PORT.to_owned(), "30000".to_owned()),
                (LABEL_SPEC.to_owned(), "{\"a\":1}".to_owned()),
            ]),
            network: "pinacle-pod-a".into(),
            address: Ipv4Addr::new(10, 249, 1, 2),
            port: HostPort(30000),
            publish: IpAddr::V4(Ipv4Addr::LOCALHOST),
            limits: ContainerLimits {
                cpu_milli: 500,
                memory_bytes: 1 << 30,
                pids: 100,
                nofile: 4096,
            },
            volumes: vec![("pinacle-pod-a-home".into(), "/root".into())],
            resolvers: vec![],
        }
    }

    fn seen(plan: &ContainerPlan) -> ContainerInspectResponse {
        let body = body(plan);
        ContainerInspectResponse {
            host_config: body.host_config,
            config: Some(bollard::models::ContainerConfig {
                image: body.image,
                labels: body.labels,
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    #[test]
    fn what_was_made_from_a_plan_does_not_differ_from_it() {
        assert_eq!(difference(&seen(&plan()), &plan()), None);
    }

    #[test]
    fn another_port_image_or_runtime_is_a_difference() {
        let with = |change: fn(&mut ContainerPlan)| {
            let mut other = plan();
            change(&mut other);
            difference(&seen(&plan()), &other)
        };
        assert_eq!(with(|p| p.port = HostPort(30001)), Some("port"));
        assert_eq!(with(|p| p.image = "x".into()), Some("image"));
        assert_eq!(with(|p| p.runtime = Some("runsc".into())), Some("runtime"));
        assert_eq!(with(|p| p.limits.cpu_milli = 1000), None);
    }

    #[test]
    fn the_line_says_what_the_call_does() {
        let line = create_line(&plan());
        for part in [
            "docker create --name pinacle-pod-a ",
            "--publish 127.0.0.1:30000:80",
            "--memory 1024m --memory-swap 1024m",
            "--cap-drop ALL",
            "--mount type=volume,source=pinacle-pod-a-home,target=/root,volume-label=dev.pinacle.pod=a ",
            "--label dev.pinacle.pod=a",
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
        assert!(line.ends_with(" pinacle-base:1"));
    }
}
