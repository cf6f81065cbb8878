//! Writes a small store as this release writes it, for later releases to open:
//! `cargo run -p pinacle-daemon --example store_fixture -- daemon/tests/data/store-N`.
//! Once released, a fixture is never written again: a new format gets a new folder.

use anyhow::Context;
use pinacle_core::engine::Subnet;
use pinacle_core::record::{
    Applied, Change, Direction, Durability, OperationRecord, PodRecord, Record, SpareRecord,
    StepRecord,
};
use pinacle_core::{Step, spec};
use pinacle_daemon::clock::Clock;
use pinacle_daemon::store;
use pinacle_protocol::*;
use std::net::Ipv4Addr;
use std::path::PathBuf;

const SPEC: &str = "name: Shop\nenv:\n  TOKEN: not-a-secret\ninstall: npm ci\nprocesses:\n  - \
                    name: web\n    startCommand: npm run dev\n    url: http://localhost:5173\n";

fn pod(n: u8, owner: &OwnerId, desired: Desired, phase: PodPhase) -> anyhow::Result<PodRecord> {
    let parsed = spec::parse(SPEC.as_bytes());
    let spec = parsed.spec.with_context(|| format!("{:?}", parsed.diagnostics))?;
    let applied = Some(Applied { spec: spec.clone(), revision: Revision(2) });
    Ok(PodRecord {
        id: PodId::new(format!("fixture{n:0>9}"))?,
        name: format!("Shop {n}"),
        slug: Slug::new(format!("shop-{n}"))?,
        host: HostId::local(),
        owner: owner.clone(),
        spec_text: SPEC.to_owned(),
        spec,
        spec_revision: Revision(2),
        applied,
        source_dir: Some("/home/ada/shop".to_owned()),
        isolation: Isolation::Gvisor,
        desired,
        phase,
        phase_since: Timestamp(1_790_000_000_000),
        failure: None,
        attention: Some("the process `web` is not healthy".to_owned()),
        fall: None,
        port: Some(HostPort(30_000 + u16::from(n))),
        subnet: Some(Subnet { network: Ipv4Addr::new(10, 249, n, 0) }),
        image: Some("pinacle-base:1".to_owned()),
        runtime: None,
        generation: 3,
        unfinished: None,
        created_at: Timestamp(1_780_000_000_000),
    })
}

fn operation(n: u8, pod: &PodId) -> anyhow::Result<OperationRecord> {
    let step = |step, status| StepRecord {
        step,
        status,
        undo: false,
        started_at: Some(Timestamp(1_790_000_000_100)),
        ended_at: None,
    };
    Ok(OperationRecord {
        id: OperationId::new(format!("operation{n:0>7}"))?,
        pod: pod.clone(),
        kind: OperationKind::Start,
        request: Some(RequestId::new(format!("request-{n}"))?),
        joined: Vec::new(),
        direction: Direction::Forward,
        steps: vec![
            step(Step::StartContainer, StepStatus::Succeeded),
            step(Step::ApplyConfig { services: true }, StepStatus::Started),
        ],
        error: None,
        revert: None,
        created_at: Timestamp(1_790_000_000_050),
        ended_at: None,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let dir: PathBuf = std::env::args_os().nth(1).context("which folder?")?.into();
    let store::Opened { handle, records, owner, .. } = store::open(&dir, &Clock::system())?;
    anyhow::ensure!(records.is_empty(), "{} is a store already", dir.display());
    let running = pod(1, &owner, Desired::Running, PodPhase::Starting)?;
    let stopped = pod(2, &owner, Desired::Stopped, PodPhase::Stopped)?;
    let gone = pod(3, &owner, Desired::Running, PodPhase::Running)?;
    let start = operation(1, &running.id)?;
    let kept = vec![
        Record::Pod(Box::new(running)),
        Record::Pod(Box::new(stopped)),
        Record::Operation(Box::new(start)),
        Record::Spare(SpareRecord {
            id: PodId::new("fixture000000009")?,
            host: HostId::local(),
            owner: owner.clone(),
            subnet: Some(Subnet { network: Ipv4Addr::new(10, 249, 9, 0) }),
        }),
    ];
    let gone = Record::Pod(Box::new(gone));
    let put = |record: &Record| Change::Put(record.clone());
    handle.commit(vec![put(&kept[0]), put(&gone)], Durability::Sync).await?;
    handle.export().await?;
    handle.commit(vec![put(&kept[1])], Durability::Flush).await?;
    handle.commit(vec![put(&kept[3])], Durability::Sync).await?;
    handle.commit(vec![put(&kept[2]), Change::Delete(gone.key())], Durability::Sync).await?;
    std::fs::write(dir.join("expected.json"), serde_json::to_vec_pretty(&kept)?)?;
    Ok(())
}
