//! The calls.

use crate::rig::{Daemon, PATIENCE, SPEC, action, create, finished, pod_ref, soon, within};
use pinacle_daemon::testing::CallKind;
use pinacle_protocol::*;
use std::time::Duration;

fn refused<T: std::fmt::Debug>(
    answer: Result<Result<T, ApiError>, tarpc::client::RpcError>,
) -> ApiError {
    answer.unwrap().unwrap_err()
}

#[tokio::test]
async fn a_pod_comes_stops_starts_and_goes() {
    let mut daemon = Daemon::start().await;
    let (client, pod) = daemon.pod(SPEC).await;
    let inventory = client.inventory(soon()).await.unwrap().unwrap();
    assert_eq!(inventory.pods.len(), 1);
    let view = &inventory.pods[0];
    assert_eq!((view.slug.as_str(), view.phase), ("blog", PodPhase::Running));
    assert_eq!((view.isolation, view.port.is_some()), (Isolation::Runc, true));
    assert_eq!(inventory.hosts[0].status, HostStatus::Up);
    for (id, phase) in
        [("stop", PodPhase::Stopped), ("start", PodPhase::Running), ("restart", PodPhase::Running)]
    {
        let asked = action(id, "blog");
        let accepted = match id {
            "stop" => client.pod_stop(soon(), asked).await,
            "start" => client.pod_start(soon(), asked).await,
            _ => client.pod_restart(soon(), asked).await,
        };
        let accepted = accepted.unwrap().unwrap();
        assert_eq!(finished(&client, &accepted).await.status, OperationStatus::Succeeded);
        let detail = client.pod(soon(), pod_ref("blog")).await.unwrap().unwrap();
        assert_eq!((detail.pod.phase, &detail.pod.id), (phase, &pod));
    }
    let deleted = client.pod_delete(soon(), action("rm", "blog")).await.unwrap().unwrap();
    assert_eq!(finished(&client, &deleted).await.status, OperationStatus::Succeeded);
    assert_eq!(daemon.engine.counts(), (0, 0, 0));
    assert_eq!(refused(client.pod(soon(), pod_ref("blog")).await).kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn the_same_request_twice_is_one_operation() {
    let mut daemon = Daemon::start().await;
    let client = daemon.rpc().await;
    let first = client.pod_create(soon(), create("once", SPEC)).await.unwrap().unwrap();
    let again = client.pod_create(soon(), create("once", SPEC)).await.unwrap().unwrap();
    assert_eq!(first, again);
    finished(&client, &first).await;
    assert_eq!(client.inventory(soon()).await.unwrap().unwrap().pods.len(), 1);
}

#[tokio::test]
async fn a_pod_is_found_by_slug_id_and_the_beginning_of_its_id() {
    let mut daemon = Daemon::start().await;
    let (client, pod) = daemon.pod(SPEC).await;
    for name in ["blog", pod.as_str(), &pod.as_str()[..4]] {
        let detail = client.pod(soon(), pod_ref(name)).await.unwrap().unwrap();
        assert_eq!(detail.pod.id, pod, "{name}");
    }
    for name in [&pod.as_str()[..3], "", "BLOG", "pod-blog", "\u{1b}[31m\n", &"x".repeat(100_000)] {
        let error = refused(client.pod(soon(), pod_ref(name)).await);
        assert_eq!(error.kind, ErrorKind::NotFound, "{name}");
        assert!(error.message.len() < 500 && !error.message.contains(['\u{1b}', '\n']));
    }
    for (name, hint) in [("blgo", "`blog`"), ("blo", "`blog`"), ("other", "pinacle-tui ls")] {
        let error = refused(client.pod(soon(), pod_ref(name)).await);
        assert!(error.hint.clone().unwrap().contains(hint), "{error:?}");
    }
}

/// Whoever names a pod by its id would otherwise stop or delete another one.
#[tokio::test]
async fn no_pod_is_called_like_the_id_of_another() {
    let mut daemon = Daemon::start().await;
    let (client, pod) = daemon.pod(SPEC).await;
    let explicit = create("b", &format!("name: evil\nslug: {pod}\n"));
    assert_eq!(refused(client.pod_create(soon(), explicit).await).kind, ErrorKind::Conflict);
    let derived = create("c", &format!("name: {pod}\n"));
    let made = client.pod_create(soon(), derived).await.unwrap().unwrap();
    assert_ne!(made.pod, pod);
    let detail = client.pod(soon(), pod_ref(pod.as_str())).await.unwrap().unwrap();
    assert_eq!(detail.pod.id, pod);
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_with_the_reason() {
    let mut daemon = Daemon::start().await;
    let (client, _) = daemon.pod(SPEC).await;
    let asked = create("a", "name: [\ntier: 5\n");
    let error = refused(client.pod_create(soon(), asked).await);
    assert_eq!(error.kind, ErrorKind::InvalidSpec);
    assert!(!error.diagnostics.is_empty());
    let explicit = create("b", "name: Other\nslug: blog\n");
    assert_eq!(refused(client.pod_create(soon(), explicit).await).kind, ErrorKind::Conflict);
    let mut elsewhere = create("c", SPEC);
    elsewhere.host = Some(HostId::new("mars").unwrap());
    assert_eq!(refused(client.pod_create(soon(), elsewhere).await).kind, ErrorKind::NotFound);
    for source in ["relative", "/there/is/nothing", "/dev/null", ""] {
        let mut asked = create("d", SPEC);
        asked.source_dir = Some(source.to_owned());
        let error = refused(client.pod_create(soon(), asked).await);
        assert_eq!(error.kind, ErrorKind::InvalidRequest, "{source}");
        assert!(error.hint.is_some());
    }
    assert_eq!(
        refused(client.host_check(soon(), HostId::new("mars").unwrap(), true).await).kind,
        ErrorKind::NotFound
    );
    let nowhere = OperationId::new("aaaaaaaaaaaaaaaa").unwrap();
    assert_eq!(refused(client.operation(soon(), nowhere.clone()).await).kind, ErrorKind::NotFound);
    assert_eq!(
        refused(client.operation_wait(soon(), nowhere, 25_000).await).kind,
        ErrorKind::NotFound
    );
    let missing = client.journal(soon(), pod_ref("nope"), Cursor::default(), 10, false).await;
    assert_eq!(refused(missing).kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_derived_slug_gives_way_and_a_nameless_pod_gets_a_name() {
    let mut daemon = Daemon::start().await;
    let (client, _) = daemon.pod(SPEC).await;
    let same = client.pod_create(soon(), create("again", SPEC)).await.unwrap().unwrap();
    finished(&client, &same).await;
    let mut nameless = create("nameless", "isolation: runc\n");
    let plain = client.pod_create(soon(), nameless.clone()).await.unwrap().unwrap();
    finished(&client, &plain).await;
    nameless.request_id = RequestId::new("named").unwrap();
    nameless.default_name = Some("My Shop!".to_owned());
    let named = client.pod_create(soon(), nameless).await.unwrap().unwrap();
    finished(&client, &named).await;
    let inventory = client.inventory(soon()).await.unwrap().unwrap();
    let slugs: Vec<_> = inventory.pods.iter().map(|pod| pod.slug.as_str()).collect();
    assert_eq!(slugs.len(), 4, "{slugs:?}");
    assert!(
        slugs.contains(&"blog") && slugs.contains(&"pod") && slugs.contains(&"my-shop"),
        "{slugs:?}"
    );
}

#[tokio::test]
async fn a_spec_is_checked_planned_and_applied() {
    let mut daemon = Daemon::start().await;
    let (client, _) = daemon.pod(SPEC).await;
    let report = client.config_check(soon(), "tier: dev.tiny\n".to_owned()).await.unwrap().unwrap();
    assert!(!report.valid && !report.diagnostics.is_empty() && report.effective.is_none());
    let changed = format!("{SPEC}tier: dev.medium\n");
    let plan = client.config_plan(soon(), pod_ref("blog"), changed.clone()).await.unwrap().unwrap();
    assert!(plan.changes.iter().any(|change| change.path.contains("tier")), "{plan:?}");
    let apply = |id: &str, expected| ConfigApply {
        request_id: RequestId::new(id).unwrap(),
        pod: pod_ref("blog"),
        expected,
        spec_text: changed.clone(),
        accept_loss: false,
    };
    let stale = client.config_apply(soon(), apply("stale", Revision(99))).await;
    assert_eq!(refused(stale).kind, ErrorKind::Conflict);
    let applied = client.config_apply(soon(), apply("now", plan.base)).await.unwrap().unwrap();
    assert_eq!(finished(&client, &applied).await.status, OperationStatus::Succeeded);
    let detail = client.pod(soon(), pod_ref("blog")).await.unwrap().unwrap();
    assert_eq!((detail.pod.tier.as_str(), detail.spec_text), ("dev.medium", changed));
    let broken = client.config_plan(soon(), pod_ref("blog"), "tier: 5\n".to_owned()).await;
    assert_eq!(refused(broken).kind, ErrorKind::InvalidSpec);
}

#[tokio::test]
async fn a_long_poll_answers_before_its_deadline() {
    let mut daemon = Daemon::start().await;
    daemon.engine.hold(CallKind::StartContainer);
    let client = daemon.rpc().await;
    let accepted = client.pod_create(soon(), create("held", SPEC)).await.unwrap().unwrap();
    let id = accepted.operation.clone().unwrap();
    // A wait above the limit, a deadline below it.
    let short = Duration::from_millis(1_500);
    // Where both ends are held up for half a second, the client's own end may come first.
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(client.operation_wait(within(short), id.clone(), u64::MAX).await);
        if !matches!(answers.last(), Some(Err(tarpc::client::RpcError::DeadlineExceeded))) {
            break;
        }
    }
    let view = answers.pop().unwrap().unwrap().unwrap();
    assert!(!view.status.is_final());
    let view = client.operation_wait(soon(), id.clone(), 0).await.unwrap().unwrap();
    assert!(!view.status.is_final());
    daemon.engine.release(CallKind::StartContainer);
    assert_eq!(finished(&client, &accepted).await.status, OperationStatus::Succeeded);
}

#[tokio::test]
async fn events_follow_the_inventory_without_a_gap() {
    let mut daemon = Daemon::start().await;
    let client = daemon.rpc().await;
    let mut cursor = client.inventory(soon()).await.unwrap().unwrap().cursor;
    let accepted = client.pod_create(soon(), create("one", SPEC)).await.unwrap().unwrap();
    let mut running = false;
    let watch = async {
        while !running {
            let batch = client.events_since(soon(), cursor, 25_000).await.unwrap().unwrap();
            assert!(!batch.gap && !batch.events.is_empty());
            for record in &batch.events {
                assert_eq!(
                    (record.cursor.epoch, record.cursor.seq),
                    (cursor.epoch, cursor.seq + 1)
                );
                cursor = record.cursor;
                running |= matches!(&record.event, Event::PodChanged { pod } if pod.phase == PodPhase::Running);
            }
            assert_eq!(batch.next, cursor);
        }
    };
    tokio::time::timeout(PATIENCE, watch).await.expect("the pod runs");
    finished(&client, &accepted).await;
    let mut head = client.inventory(soon()).await.unwrap().unwrap().cursor;
    head.seq += 1_000;
    let ahead = client.events_since(soon(), head, 0).await.unwrap().unwrap();
    assert!(ahead.events.is_empty());
    let foreign = Cursor { epoch: cursor.epoch ^ 1, seq: 3 };
    let batch = client.events_since(soon(), foreign, 25_000).await.unwrap().unwrap();
    assert!(batch.gap && !batch.events.is_empty());
    let last = Cursor { epoch: u64::MAX, seq: u64::MAX };
    assert!(client.events_since(soon(), last, 25_000).await.unwrap().unwrap().gap);
    let last = Cursor { seq: u64::MAX, ..cursor };
    assert!(client.events_since(soon(), last, 0).await.unwrap().unwrap().events.is_empty());
    assert!(cursor.epoch < 1 << 53, "JSON readers lose it");
}

#[tokio::test]
async fn usage_is_of_pods_that_run() {
    let mut daemon = Daemon::start().await;
    let (client, pod) = daemon.pod(SPEC).await;
    let usage = client.pod_usage(soon(), vec![pod_ref("blog")]).await.unwrap().unwrap();
    assert_eq!(usage.iter().map(|u| &u.pod).collect::<Vec<_>>(), [&pod]);
    let stopped = client.pod_stop(soon(), action("stop", "blog")).await.unwrap().unwrap();
    finished(&client, &stopped).await;
    assert_eq!(client.pod_usage(soon(), vec![pod_ref("blog")]).await.unwrap().unwrap(), []);
    assert_eq!(
        refused(client.pod_usage(soon(), vec![pod_ref("x")]).await).kind,
        ErrorKind::NotFound
    );
    assert_eq!(client.pod_usage(soon(), Vec::new()).await.unwrap().unwrap(), []);
}

#[tokio::test]
async fn the_pods_supervisor_says_what_it_keeps_and_what_that_printed() {
    let mut daemon = Daemon::start().await;
    let (client, _) = daemon.pod(SPEC).await;
    let status = r#"{"services":[{"name":"app","state":"failed","pid":null,"restarts":7,
        "since":1790000000,"later":1}],"ports":[80]}"#;
    daemon.engine.set_output("pinacle-pod status", status);
    daemon.engine.set_output("pinacle-pod log app -n 5000", "\u{1b}[31mno such module\n");
    let found = client.pod_processes(soon(), pod_ref("blog")).await.unwrap().unwrap();
    let expected = ProcessView {
        name: "app".to_owned(),
        state: ProcessState::Failed,
        pid: None,
        restarts: 7,
        since: Timestamp(1_790_000_000_000),
    };
    assert_eq!(found, [expected]);
    let log = client.process_log(soon(), pod_ref("blog"), "app".to_owned(), u32::MAX).await;
    assert_eq!(log.unwrap().unwrap(), "\u{1b}[31mno such module\n");
    daemon.engine.set_output("pinacle-pod log x -n 1", "");
    daemon.engine.set_exit_code("pinacle-pod log x -n 1", 1);
    let log = client.process_log(soon(), pod_ref("blog"), "x".to_owned(), 0).await;
    assert_eq!(refused(log).kind, ErrorKind::CommandFailed);
    daemon.engine.set_output("pinacle-pod status", "nonsense");
    let odd = refused(client.pod_processes(soon(), pod_ref("blog")).await);
    assert_eq!(odd.kind, ErrorKind::Engine);
    let page = client.journal(soon(), pod_ref("blog"), Cursor::default(), 1_000, true).await;
    let records = format!("{:?}", page.unwrap().unwrap().records);
    assert!(!records.contains("pinacle-pod status"), "nobody ran it: {records}");
    let stopped = client.pod_stop(soon(), action("stop", "blog")).await.unwrap().unwrap();
    finished(&client, &stopped).await;
    let stopped = refused(client.pod_processes(soon(), pod_ref("blog")).await);
    assert_eq!(stopped.kind, ErrorKind::WrongPhase);
}

#[tokio::test]
async fn a_ticket_is_for_a_port_with_a_shell_of_a_pod_that_runs() {
    let mut daemon = Daemon::start().await;
    let (client, _) = daemon.pod(&format!("{SPEC}services: [web-terminal]\n")).await;
    let ask = async |port| client.pod_ticket(soon(), pod_ref("blog"), port).await.unwrap();
    let ticket = ask(7681).await.unwrap();
    assert!(ticket.path.as_ref().is_some_and(|path| path.contains("ticket")), "{ticket:?}");
    assert!(!format!("{ticket:?}").contains("enter"), "it would be in logs");
    assert_eq!(ask(3000).await.unwrap(), PodTicket::default(), "the user's own app");
    assert_eq!(
        refused(client.pod_ticket(soon(), pod_ref("x"), 7681).await).kind,
        ErrorKind::NotFound
    );
    let stopped = client.pod_stop(soon(), action("stop", "blog")).await.unwrap().unwrap();
    finished(&client, &stopped).await;
    assert_eq!(ask(7681).await.unwrap_err().kind, ErrorKind::WrongPhase);
}

#[tokio::test]
async fn a_call_that_is_given_up_changes_nothing_but_the_answer() {
    let mut daemon = Daemon::start().await;
    let client = daemon.rpc().await;
    let asked = client.pod_create(soon(), create("left", SPEC));
    // Polled once at the most: sent, and left before any answer.
    let _ = futures::future::select(std::pin::pin!(asked), std::pin::pin!(std::future::ready(())))
        .await;
    let again = client.pod_create(soon(), create("left", SPEC)).await.unwrap().unwrap();
    finished(&client, &again).await;
    assert_eq!(client.inventory(soon()).await.unwrap().unwrap().pods.len(), 1);
}

#[tokio::test]
async fn shutdown_answers_and_then_ends() {
    let mut daemon = Daemon::start().await;
    let (client, _) = daemon.pod(SPEC).await;
    let idle = daemon.connect(Mode::Rpc).await;
    client.shutdown(soon()).await.unwrap().unwrap();
    daemon.ended().await;
    assert!(daemon.stop.is_triggered());
    drop(idle);
    // The pod goes on without us.
    assert_eq!(daemon.engine.look().pods.len(), 1);
}
