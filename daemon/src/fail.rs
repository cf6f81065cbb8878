//! Places at which a test can have the process die, to see what a restart finds.
//!
//! Every call that changes something on a host has one before and one after it, and so has
//! every commit of the store, by what it is about. A test that is to die at each of them
//! need not know their names: see [`point`].

/// Marks a place. With the feature `testing` the process ends here at once, without any
/// destructor, if the comma-separated `PINACLE_FAILPOINTS` says so: `name=abort` for this
/// place, or `new=FILE` for the first place that is not named in a line of the file, after it
/// was added there. Otherwise nothing happens.
///
/// Places called `….before` are passed over by `new`: nothing on disk or on a host differs
/// from the place that comes before them.
#[cfg_attr(not(feature = "testing"), inline(always))]
pub fn point(name: &str) {
    #[cfg(feature = "testing")]
    active::reach(name);
    #[cfg(not(feature = "testing"))]
    let _ = name;
}

/// The places before and after a commit of the store: one pair for each change in it.
pub struct CommitPlaces(#[cfg(feature = "testing")] Vec<String>);

impl CommitPlaces {
    /// Takes down what the commit is about.
    #[cfg_attr(not(feature = "testing"), inline(always))]
    pub fn of(changes: &[pinacle_core::record::Change]) -> Self {
        #[cfg(feature = "testing")]
        return Self(active::about_all(changes));
        #[cfg(not(feature = "testing"))]
        {
            let _ = changes;
            Self()
        }
    }

    /// Marks the places on one side of the commit.
    #[cfg_attr(not(feature = "testing"), inline(always))]
    pub fn reach(&self, moment: &str) {
        #[cfg(feature = "testing")]
        for name in &self.0 {
            active::reach(&format!("store.{name}.{moment}"));
        }
        #[cfg(not(feature = "testing"))]
        let _ = moment;
    }
}

#[cfg(feature = "testing")]
mod active {
    use pinacle_core::record::{Change, Record, RecordKey};
    use std::collections::BTreeSet;
    use std::io::Write;
    use std::path::PathBuf;
    use std::sync::{Mutex, OnceLock, PoisonError};

    static ARMED: OnceLock<Armed> = OnceLock::new();

    /// What the environment asks for.
    #[derive(Debug, Default)]
    pub(super) struct Armed {
        pub(super) at: Vec<String>,
        /// The file, and what was in it when the process began.
        pub(super) new: Option<(PathBuf, BTreeSet<String>)>,
    }

    pub(super) fn reach(name: &str) {
        // The first that dies writes its name; others wait for the end.
        static DYING: Mutex<()> = Mutex::new(());
        let armed = ARMED.get_or_init(Armed::of_environment);
        if armed.at.iter().any(|n| n == name) {
            std::process::abort();
        }
        let Some((file, known)) = &armed.new else { return };
        if known.contains(name) || name.ends_with(".before") {
            return;
        }
        let _turn = DYING.lock().unwrap_or_else(PoisonError::into_inner);
        let written = std::fs::File::options()
            .create(true)
            .append(true)
            .open(file)
            .and_then(|mut file| writeln!(file, "{name}"));
        // Without the line the next process would die here again, for ever.
        written.unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
        std::process::abort();
    }

    impl Armed {
        fn of_environment() -> Self {
            Self::read(&std::env::var("PINACLE_FAILPOINTS").unwrap_or_default())
        }

        pub(super) fn read(text: &str) -> Self {
            let mut armed = Self::default();
            for part in text.split(',').map(str::trim) {
                if let Some(name) = part.strip_suffix("=abort") {
                    armed.at.push(name.to_owned());
                } else if let Some(path) = part.strip_prefix("new=") {
                    let known = std::fs::read_to_string(path).unwrap_or_default();
                    let known = known.lines().map(ToOwned::to_owned).collect();
                    armed.new = Some((PathBuf::from(path), known));
                }
            }
            armed
        }
    }

    pub(super) fn about_all(changes: &[Change]) -> Vec<String> {
        // Nobody asks, nothing is written down.
        let armed = ARMED.get_or_init(Armed::of_environment);
        if armed.new.is_none() && armed.at.is_empty() {
            return Vec::new();
        }
        changes.iter().map(about).collect()
    }

    /// Says what of a pod's life a change is about, the same in each run.
    fn about(change: &Change) -> String {
        match change {
            Change::Put(Record::Pod(pod)) => {
                format!("pod-{:?}-{:?}", pod.desired, pod.phase).to_lowercase()
            }
            Change::Put(Record::Operation(operation)) => {
                let done = operation.steps.iter().rposition(|step| step.started_at.is_some());
                let step = done.map_or_else(String::new, |at| {
                    format!("-{at}-{:?}", operation.steps[at].status).to_lowercase()
                });
                let direction = format!("{:?}", operation.direction).to_lowercase();
                format!("{}-{direction}{step}", operation.kind.as_str())
            }
            Change::Put(Record::Spare(_)) => "spare".to_owned(),
            Change::Delete(RecordKey::Spare(_)) => "spare-forgotten".to_owned(),
            Change::Delete(RecordKey::Pod(_)) => "pod-forgotten".to_owned(),
            Change::Delete(RecordKey::Operation(_)) => "operation-forgotten".to_owned(),
        }
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::active::Armed;

    #[test]
    fn places_by_name_and_those_not_seen_before_are_told_apart() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("seen");
        std::fs::write(&file, "a\nb\n").expect("written");
        let armed = Armed::read(&format!("a=abort, b=error,new={},c=abort,", file.display()));
        assert_eq!(armed.at, ["a", "c"]);
        let (path, known) = armed.new.expect("a file");
        assert_eq!(
            (path, known.into_iter().collect::<Vec<_>>()),
            (file, vec!["a".into(), "b".into()])
        );
        assert!(Armed::read("").new.is_none());
    }

    #[test]
    fn an_unnamed_point_is_passed() {
        super::point("engine.create_container.before");
        super::CommitPlaces::of(&[]).reach("before");
    }
}
