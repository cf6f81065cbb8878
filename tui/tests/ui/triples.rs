//! What keys lead to, through the loop that people use, against a daemon.

use super::stage::play;
use crate::support::{World, eventually};
use pinacle_protocol::PodPhase;
use pinacle_tui::app::Input;

/// Presses keys step by step, waiting for a text after each step.
async fn check(world: &World, steps: &[(&str, &str)]) -> Vec<String> {
    let (_, lent) = play(world, (100, 30), async |hands| {
        for (pressed, expected) in steps {
            for key in pressed.split_whitespace() {
                let key = key.parse().expect("a key");
                hands.keys.send(Input::Key(key)).await.expect("the loop runs");
            }
            let what = format!("{pressed:?} shows {expected:?}; before:\n{}", hands.shown());
            eventually(&what, || hands.shown().contains(expected)).await;
        }
        hands.lent.clone()
    })
    .await;
    // Once the loop has ended: the last key was taken in by then.
    lent.lock().expect("not poisoned").clone()
}

fn world() -> World {
    let world = World::new();
    world.fake.add("api", PodPhase::Stopped);
    world.fake.add("web", PodPhase::Running);
    world
}

#[tokio::test]
async fn the_list_is_moved_in_filtered_and_marked() {
    check(
        &world(),
        &[
            ("", "2 pods"),
            ("/ w e", "only \"we\""),
            ("enter", "web"),
            ("esc", "2 pods"),
            ("a", "2 marked"),
            ("esc ?", "List of pods"),
            ("esc : d o c", "check that pods can run"),
            ("enter", "Can pods run on local?"),
        ],
    )
    .await;
}

#[tokio::test]
async fn actions_are_asked_about_and_asked_for() {
    let world = world();
    let steps = [
        ("", "2 pods"),
        ("u", "start of api is under way"),
        ("down D", "type web and enter"),
        ("w e enter", "not the word"),
        ("x", "stop web?"),
        ("y", "stop of web is under way"),
    ];
    check(&world, &steps).await;
    let calls = world.fake.calls();
    assert!(calls.iter().any(|c| c.starts_with("stop")), "{calls:?}");
    assert!(!calls.iter().any(|c| c.starts_with("delete")), "{calls:?}");
}

#[tokio::test]
async fn a_spec_is_edited_planned_and_applied() {
    let world = world();
    let steps = [
        ("", "2 pods"),
        ("e", "Spec of api, revision 1"),
        ("ctrl-end t e i r : space x", "there is no key teir"),
        ("ctrl-s", "there are errors"),
        ("ctrl-a ctrl-k", "good"),
        ("t i e r : space d e v . l a r g e", "changed"),
        ("ctrl-s", "Apply these changes?"),
        ("y", "accepted"),
    ];
    // The text area has no key for the last line but this.
    let steps: Vec<_> =
        steps.iter().map(|(k, e)| (k.replace("ctrl-end", "down end enter"), *e)).collect();
    let steps: Vec<(&str, &str)> = steps.iter().map(|(k, e)| (k.as_str(), *e)).collect();
    check(&world, &steps).await;
    let text = world.fake.state().pods[0].spec_text.clone();
    assert!(text.contains("tier: dev.large") && !text.contains("teir"), "{text}");
}

#[tokio::test]
async fn a_pod_is_made_from_a_directory_and_a_draft_is_offered_again() {
    let world = world();
    world.write("pinacle.yaml", "version: \"1.0\"\nname: blog\n");
    check(
        &world,
        &[
            ("", "2 pods"),
            ("n enter", "New pod from"),
            ("# f i r s t esc", "kept as a draft"),
            ("n enter", "Take up your draft?"),
            ("y", "the draft is here again"),
            ("ctrl-s", "accepted"),
        ],
    )
    .await;
    let created = world.fake.state().created[0].clone();
    assert!(created.spec_text.contains("first"), "{}", created.spec_text);
    assert!(created.source_dir.is_some());
}

#[tokio::test]
async fn the_terminal_is_lent_and_taken_back() {
    let world = world();
    let steps = [
        ("", "2 pods"),
        ("down s", "back from the shell"),
        ("c", "clipboard"),
        ("ctrl-z enter", "journal"),
    ];
    let lent = check(&world, &steps).await;
    assert!(
        lent[0].starts_with("shell ") && lent[1].starts_with("copy http") && lent[2] == "suspend",
        "{lent:?}"
    );
}

#[tokio::test]
async fn a_long_journal_is_read_from_both_ends_and_searched_between() {
    use crate::support::views;
    let world = world();
    let mut journal = vec![views::begin(1, "Flood", "seq")];
    journal.extend((2..=9_000).map(|n| views::output(n, 1, &format!("number {n}\n"))));
    world.fake.state().journal = journal;
    let steps = [
        ("", "2 pods"),
        ("down enter", "number 9000"),
        ("g", "$ seq"),
        ("", "number 2 "),
        ("pagedown", "number 40"),
        ("G", "number 9000"),
        ("/ n u m b e r space 4 3 2 1 enter", "number 4323"),
        ("N", "no further match"),
        ("n", "no further match"),
    ];
    check(&world, &steps).await;
}

/// Writes keys that type a text.
fn typing(text: &str) -> String {
    text.chars().map(|c| format!("{c} ")).collect()
}

#[tokio::test]
async fn a_path_is_completed() {
    let world = world();
    for dir in ["shop", "shop-old", ".hidden"] {
        std::fs::create_dir(world.cwd.join(dir)).expect("a directory");
    }
    world.write("shop/pinacle.yaml", "version: \"1.0\"\nname: shop\n");
    world.write("shop-old/notes.txt", "");
    world.write("other.yaml", "version: \"1.0\"\nname: other\n");
    world.write("other.txt", "");
    world.write(".hidden/pinacle.yaml", "version: \"1.0\"\n");
    let (sho, last, zip) = (typing("/sho"), typing("-o"), typing("zip"));
    let steps = [
        ("", "2 pods"),
        ("n", "tab completes, enter reads it, esc goes back"),
        (&format!("{sho} tab"), "shop-old/  shop/"),
        (&format!("{last} tab"), "/shop-old/"),
        (&format!("{zip} tab"), "no directory or spec begins so"),
        ("ctrl-u o t tab", "file: other.yaml"),
        ("enter", "name: other"),
        ("esc n / . h tab", ".hidden/"),
    ];
    check(&world, &steps).await;
}

#[tokio::test]
async fn what_is_no_file_with_an_end_is_no_spec() {
    let world = world();
    let pipe = world.cwd.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    std::fs::write(world.cwd.join("large"), vec![b'#'; 3 << 20]).expect("written");
    std::fs::write(world.cwd.join("latin"), b"name: caf\xe9\n").expect("written");
    let steps = [
        ("", "2 pods".to_owned()),
        ("n ctrl-u p i p e enter", "it is no regular file".to_owned()),
        ("n ctrl-u l a r g e enter", format!("has {} bytes", 3 << 20)),
        ("n ctrl-u l a t i n enter", "byte 0xe9 is no UTF-8 text".to_owned()),
    ];
    let steps = steps.each_ref().map(|(keys, expected)| (*keys, expected.as_str()));
    check(&world, &steps).await;
}

#[tokio::test]
async fn keys_of_the_text_do_what_the_help_says() {
    let steps = [
        ("", "2 pods"),
        ("e", "Spec of api, revision 1"),
        ("ctrl-end enter o n e space t w o", "one two"),
        ("ctrl-w X", "one X"),
        ("ctrl-u ctrl-u", "one two"),
        ("ctrl-r", "one"),
        ("ctrl-a A ctrl-e Z", "Aone Z"),
        ("ctrl-home B ctrl-end E", "Aone ZE"),
        ("f1 pagedown", "redo"),
    ];
    check(&world(), &steps).await;
}
