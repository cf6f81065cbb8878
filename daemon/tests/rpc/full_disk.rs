//! A disk without room: reads go on, changes are refused with what is wrong, and all
//! goes on by itself when there is room.

use crate::rig::{Daemon, PATIENCE, SPEC, action, create, finished, pod_ref, soon};
use pinacle_daemon::testing::{FakeEngine, FlakyStore};
use pinacle_protocol::*;
use std::time::Duration;

/// Repeats a request until it is taken.
async fn taken<F: Future<Output = Result<Accepted, ApiError>>>(
    mut ask: impl FnMut() -> F,
) -> Accepted {
    let tries = async {
        loop {
            match ask().await {
                Ok(accepted) => return accepted,
                Err(error) => assert_eq!(error.kind, ErrorKind::Storage, "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, tries).await.expect("it is taken when there is room")
}

#[tokio::test]
async fn without_room_requests_are_refused_and_everything_is_still_shown() {
    let store = FlakyStore::default();
    let mut daemon = Daemon::start_on(FakeEngine::new(), store.clone()).await;
    let (client, pod) = daemon.pod(SPEC).await;
    store.fill();
    for n in 0..3 {
        let refused = client.pod_stop(soon(), action(&format!("s{n}"), pod.as_str())).await;
        let error = refused.expect("an answer").expect_err("it cannot be stored");
        assert_eq!(error.kind, ErrorKind::Storage, "{error:?}");
        assert!(error.hint.is_some() && error.chain().contains("/full"), "{error:?}");
    }
    let shown = client.pod(soon(), pod_ref(pod.as_str())).await.expect("an answer");
    assert_eq!(shown.expect("it is still shown").pod.desired, Desired::Running);
    let info = client.server_info(soon()).await.expect("an answer").expect("info");
    assert_eq!(info.trouble.map(|error| error.kind), Some(ErrorKind::Storage));
    store.make_room();
    let accepted = taken(|| async {
        client.pod_stop(soon(), action("stop", pod.as_str())).await.expect("an answer")
    });
    let view = finished(&client, &accepted.await).await;
    assert_eq!(view.status, OperationStatus::Succeeded, "{view:?}");
    let info = client.server_info(soon()).await.expect("an answer").expect("info");
    assert_eq!(info.trouble, None);
    let shown = client.pod(soon(), pod_ref(pod.as_str())).await.expect("an answer");
    assert_eq!(shown.expect("it is there").pod.phase, PodPhase::Stopped);
}

#[tokio::test]
async fn an_operation_that_the_full_disk_broke_off_is_finished_later() {
    let store = FlakyStore::default();
    let mut daemon = Daemon::start_on(FakeEngine::new(), store.clone()).await;
    let client = daemon.rpc().await;
    let accepted = client.pod_create(soon(), create("first", SPEC)).await.expect("an answer");
    let accepted = accepted.expect("accepted");
    store.fill();
    let accepted_id = accepted.operation.clone().expect("something to do");
    let error = client
        .pod_create(soon(), create("second", "name: Other\nisolation: runc\n"))
        .await
        .expect("an answer");
    assert_eq!(error.expect_err("no room").kind, ErrorKind::Storage);
    // Whoever waits for it is told, unless it was quicker than the disk was full.
    let waited = client.operation_wait(soon(), accepted_id, 300).await.expect("an answer");
    match waited {
        Err(error) => assert_eq!(error.kind, ErrorKind::Storage, "{error:?}"),
        Ok(view) => assert!(view.status.is_final(), "{view:?}"),
    }
    store.make_room();
    let view = finished(&client, &accepted).await;
    assert_eq!(view.status, OperationStatus::Succeeded, "{view:?}");
    let inventory = client.inventory(soon()).await.expect("an answer").expect("a list");
    assert_eq!(inventory.pods.len(), 1, "what was refused was not made: {inventory:?}");
}
