//! The table itself. Nothing that destroys is on a key that moves elsewhere.

use super::{Action, Binding, Context};

const fn row(
    context: Context,
    action: Action,
    name: &'static str,
    keys: &'static [&'static str],
    hint: Option<&'static str>,
    help: &'static str,
) -> Binding {
    Binding { context, action, name, keys, hint, help }
}

use Action as A;
use Context::{Doctor, Editor, Global, Journal, Move, OnPod, Pods};

/// Every action with its keys, in the order of the help.
pub const TABLE: &[Binding] = &[
    row(Global, A::Help, "help", &["?", "f1"], Some("help"), "show every key"),
    row(Global, A::Quit, "quit", &["q", "ctrl-c"], Some("quit"), "leave; pods and daemon go on"),
    row(Global, A::Back, "back", &["esc"], None, "close, clear or go back"),
    row(Global, A::Palette, "palette", &[":", "ctrl-k"], None, "find an action by its name"),
    row(Global, A::Doctor, "doctor", &["f2"], None, "check that pods can run on the host"),
    row(Global, A::Redraw, "redraw", &["ctrl-l"], None, "paint the whole screen again"),
    row(Global, A::Suspend, "suspend", &["ctrl-z"], None, "go back to the shell for now; `fg` returns"),
    row(Global, A::Record, "record", &["f12"], None, "write what happened lately to a file, for `pinacle-tui replay`"),
    row(Move, A::Up, "up", &["up", "k"], None, "one up"),
    row(Move, A::Down, "down", &["down", "j"], None, "one down"),
    row(Move, A::PageUp, "page_up", &["pageup", "ctrl-b"], None, "a page up"),
    row(Move, A::PageDown, "page_down", &["pagedown", "ctrl-f"], None, "a page down"),
    row(Move, A::Top, "top", &["home", "g"], None, "to the beginning"),
    row(Move, A::Bottom, "bottom", &["end", "G"], None, "to the end; a journal is followed from there"),
    row(OnPod, A::Shell, "shell", &["s"], Some("shell"), "open a shell in the pod; ctrl-p ctrl-q comes back and leaves it running"),
    row(OnPod, A::Edit, "edit", &["e"], Some("edit"), "edit the spec"),
    row(OnPod, A::Start, "start", &["u"], Some("start"), "start it, or try a failed one again"),
    row(OnPod, A::Stop, "stop", &["x"], Some("stop"), "stop it; every file is kept"),
    row(OnPod, A::Restart, "restart", &["r"], Some("restart"), "stop and start it"),
    row(OnPod, A::OpenUrl, "open_url", &["o"], Some("open"), "open its address in the browser"),
    row(OnPod, A::CopyUrl, "copy_url", &["c"], None, "copy its address"),
    row(OnPod, A::Delete, "delete", &["D"], Some("delete"), "remove it with all its files, after asking"),
    row(Pods, A::Open, "open", &["enter", "l", "right"], Some("journal"), "show the pod and follow its journal"),
    row(Pods, A::New, "new", &["n"], Some("new"), "make a pod from a directory"),
    row(Pods, A::Filter, "filter", &["/"], Some("filter"), "show only what contains a word"),
    row(Pods, A::Mark, "mark", &["space"], Some("mark"), "mark for an action on several"),
    row(Pods, A::MarkAll, "mark_all", &["a"], None, "mark all that are shown, or none"),
    row(Pods, A::Group, "group", &["h"], None, "group by host, or not"),
    row(Pods, A::SortNext, "sort", &["tab"], None, "sort by the next column"),
    row(Pods, A::SortReverse, "reverse", &["backtab"], None, "sort the other way round"),
    row(Journal, A::Follow, "follow", &["f"], Some("follow"), "follow the end, or stand still"),
    row(Journal, A::Search, "search", &["/"], Some("search"), "search for a word"),
    row(Journal, A::NextMatch, "next_match", &["n"], None, "to the next match"),
    row(Journal, A::PreviousMatch, "previous_match", &["N"], None, "to the match before"),
    row(Journal, A::NextCommand, "next_command", &["]"], None, "to the next command"),
    row(Journal, A::PreviousCommand, "previous_command", &["["], None, "to the command before"),
    row(Journal, A::Fold, "fold", &["z", "enter"], Some("fold"), "fold or unfold the command at the top (when following: the last)"),
    row(Journal, A::FoldAll, "fold_all", &["Z"], None, "fold or unfold all commands"),
    row(Journal, A::Infra, "infra", &["i"], Some("infra"), "show or hide infrastructure commands"),
    row(Journal, A::Wrap, "wrap", &["w"], None, "wrap or cut long lines"),
    row(Journal, A::Copy, "copy", &["y"], None, "copy that command and its output"),
    row(Journal, A::Save, "save", &["ctrl-s"], None, "save the journal to a file"),
    row(Editor, A::Apply, "apply", &["ctrl-s"], Some("apply"), "show what changes and bring it into force; create a new pod"),
    row(Editor, A::Preview, "preview", &["ctrl-t", "f3"], Some("preview"), "show or hide the plan, or the effective spec"),
    row(Editor, A::NextFinding, "next_finding", &["f8", "ctrl-n"], Some("next finding"), "to the next finding"),
    row(Editor, A::External, "external", &["ctrl-o", "f4"], Some("$EDITOR"), "edit in $VISUAL or $EDITOR"),
    row(Editor, A::Reload, "reload", &["f5"], None, "drop the changes and take the daemon's spec"),
    row(Doctor, A::Recheck, "recheck", &["r"], Some("look again"), "look again instead of showing the last findings"),
    row(Doctor, A::NextHost, "next_host", &["tab"], Some("next host"), "the findings of the next host"),
];
