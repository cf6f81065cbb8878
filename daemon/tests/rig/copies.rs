//! Directories of the daemon's machine, copied into a pod.

use crate::rig::with_rig;
use pinacle_core::engine::EngineCall;
use pinacle_protocol::Isolation;

#[tokio::test]
async fn a_directory_is_copied_with_what_is_hidden_and_without_what_is_heavy() {
    with_rig(async |rig| {
        rig.up(Isolation::Gvisor).await;
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("sub/node_modules")).unwrap();
        std::fs::write(at("sub/.hidden"), "hidden").unwrap();
        std::fs::write(at("sub/node_modules/x"), "x").unwrap();
        std::fs::write(at("big"), vec![b'b'; 3_000_000]).unwrap();
        std::os::unix::fs::symlink("sub/.hidden", at("link")).unwrap();
        let call = EngineCall::CopySource {
            name: rig.name(),
            from: dir.path().display().to_string(),
            to: "/workspace/new/app".into(),
            user: "root".into(),
        };
        for _ in 0..2 {
            rig.done(call.clone()).await;
        }
        assert_eq!(
            rig.sh("cat /workspace/new/app/link; wc -c </workspace/new/app/big").await,
            "hidden3000000\n"
        );
        assert_eq!(rig.sh("cd /workspace/new/app/sub; echo .h* n*").await, ".hidden n*\n");
        let failure = rig
            .fails(EngineCall::CopySource {
                name: rig.name(),
                from: "/nonexistent/dir".into(),
                to: "/workspace".into(),
                user: "root".into(),
            })
            .await;
        assert!(failure.error.message.contains("/nonexistent/dir"));
    })
    .await;
}

#[tokio::test]
async fn a_copy_that_was_broken_off_goes_on_and_leaves_alone_what_was_changed_since() {
    with_rig(async |rig| {
        rig.up(Isolation::Gvisor).await;
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        for name in ["one", "two words", ".three", "sub/four", "sub/five"] {
            std::fs::write(dir.path().join(name), "source").unwrap();
        }
        let copy = EngineCall::CopySource {
            name: rig.name(),
            from: dir.path().display().to_string(),
            to: "/workspace".into(),
            user: "root".into(),
        };
        let read = "cd /workspace; head -c 99 one 'two words' .three sub/*; ls -A";
        let text = |one: &str, four: &str| {
            let file = |name: &str, text: &str| format!("==> {name} <==\n{text}");
            let files = [
                file("one", one),
                file("two words", "source"),
                file(".three", "source"),
                file("sub/five", "source"),
                file("sub/four", four),
            ];
            format!("{}.three\none\nsub\ntwo words\n", files.join("\n"))
        };
        // Broken off while it unpacked: a file is half there, and one is left over.
        rig.sh("mkdir -p /workspace/.pinacle-copying; cd /workspace/.pinacle-copying; \
                printf so >one; echo old >left-over; mkdir /workspace/sub; echo image >/workspace/sub/four")
            .await;
        rig.done(copy.clone()).await;
        assert_eq!(rig.sh(read).await, text("source", "source"));
        // Broken off while it moved: some files are in their place, and were changed there.
        rig.sh("rm -r /etc/pinacle/copy; cd /workspace; mkdir -p .pinacle-copied/sub; \
                mv .three 'two words' .pinacle-copied; mv sub/five .pinacle-copied/sub; \
                printf mine >one; printf mine >sub/four")
            .await;
        rig.done(copy.clone()).await;
        assert_eq!(rig.sh(read).await, text("mine", "mine"));
        // Broken off when it was done.
        rig.done(copy).await;
        assert_eq!(rig.sh(read).await, text("mine", "mine"));
    })
    .await;
}
