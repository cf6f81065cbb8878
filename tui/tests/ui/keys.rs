//! The table of keys, and keys bound anew.

use pinacle_tui::keymap::{Action, Context, Keymap, read};

#[test]
fn the_page_lists_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/KEYS.md");
    let page = Keymap::default().page();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &page).expect("written");
    }
    let kept = std::fs::read_to_string(path).expect("the page is there");
    assert_eq!(kept, page, "run this test with UPDATE_GOLDEN=1");
}

#[test]
fn the_table_has_no_clash_and_every_key_can_be_read() {
    assert!(read("").is_ok());
    let keymap = Keymap::default();
    for (row, keys) in keymap.rows() {
        assert_eq!(row.keys.len(), keys.len(), "{}", row.name);
    }
}

#[test]
fn keys_are_bound_anew() {
    let keymap =
        read("[pods]\nnew = [\"ctrl-n\", \"f7\"]\n[on_pod]\ndelete = \"f8\"\n").expect("good");
    let key = |text: &str| text.parse().expect("a key");
    assert_eq!(keymap.action(&[Context::Pods], key("f7")), Some(Action::New));
    assert_eq!(keymap.action(&[Context::Pods], key("n")), None);
    assert_eq!(keymap.shown(Action::Delete), "f8");
}

#[test]
fn what_is_wrong_is_said_all_at_once() {
    let text = "[pods]\nnwe = \"n\"\nnew = \"hyper-x\"\n[editor]\napply = \"a\"\n[pos]\n[on_pod]\nstop = \"q\"\n";
    let errors: Vec<String> =
        read(text).expect_err("bad").iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn a_file_that_is_no_toml_is_told_by_its_line() {
    let told = |text: &str| {
        let errors = read(text).expect_err("bad");
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let text = told("[pods]\nnew = \"n\"\ngarbage [[\n");
    assert!(text.starts_with("keys.toml cannot be read, line 3: "), "{text}");
    let text = told("mouse = \"maybe\"\n");
    assert_eq!(
        text,
        "keys.toml cannot be read, line 1: invalid type: string \"maybe\", expected a boolean"
    );
}

#[test]
fn keys_of_the_text_are_named_unless_they_do_something_else() {
    let named = |text: &str| -> Vec<&str> {
        read(text).expect("good").text_keys().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert!(named("").contains(&"ctrl-u") && named("").contains(&"ctrl-r"));
    assert!(!named("[editor]\napply = \"ctrl-u\"\n").contains(&"ctrl-u"));
}
