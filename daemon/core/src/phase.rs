//! The pod's life as a table.
//!
//! | from \ to    | pending | provisioning | starting | running | stopping | stopped | failed | terminating |
//! |--------------|---------|--------------|----------|---------|----------|---------|--------|-------------|
//! | pending      |         | yes          |          |         |          |         | yes    | yes         |
//! | provisioning |         |              | yes      | yes     | yes      | yes     | yes    | yes         |
//! | starting     |         | yes          |          | yes     | yes      | yes     | yes    | yes         |
//! | running      |         | yes          | yes      |         | yes      | yes     | yes    | yes         |
//! | stopping     |         | yes          | yes      | yes     |          | yes     | yes    | yes         |
//! | stopped      |         | yes          | yes      | yes     | yes      |         | yes    | yes         |
//! | failed       | yes     | yes          | yes      | yes     | yes      | yes     |        | yes         |
//! | terminating  |         |              |          |         |          |         |        |             |
//!
//! From `stopping` to `provisioning` goes a pod whose container was removed while it was
//! stopped, and that is to run after all.
//!
//! A pod leaves `terminating` only by leaving the list. `failed` can become
//! anything because what is seen on the host always wins over what was feared.

use pinacle_protocol::PodPhase;

/// Returns whether a pod may go from one phase to the other; staying is always allowed.
pub fn may_become(from: PodPhase, to: PodPhase) -> bool {
    use PodPhase::{
        Failed, Pending, Provisioning, Running, Starting, Stopped, Stopping, Terminating,
    };
    from == to
        || match (from, to) {
            (Terminating, _) => false,
            (_, Terminating) | (_, Failed) | (Failed, _) => true,
            (Pending, next) => next == Provisioning,
            (_, Pending) => false,
            (Provisioning | Running, _) if to == Starting => true,
            (Starting | Running | Stopping | Stopped, Provisioning) => true,
            (Provisioning | Starting | Running | Stopped, Stopping) => true,
            (Provisioning | Starting | Running | Stopping, Stopped) => true,
            (Provisioning | Starting | Stopping | Stopped, Running) => true,
            (Stopping | Stopped, Starting) => true,
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table in the module's documentation is the specification; this reads it.
    #[test]
    fn the_function_agrees_with_the_table_in_the_documentation() {
        let rows: Vec<Vec<&str>> = include_str!("phase.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! | "))
            .map(|row| row.split('|').map(str::trim).collect())
            .collect();
        let (head, body) = rows.split_first().expect("a table");
        assert_eq!(body.len(), PodPhase::ALL.len());
        let phase =
            |word: &str| PodPhase::ALL.into_iter().find(|p| p.as_str() == word).expect("a phase");
        for row in body {
            let from = phase(row[0]);
            for (cell, to) in row[1..].iter().zip(&head[1..]).filter(|(_, to)| !to.is_empty()) {
                let to = phase(to);
                let expected = from == to || *cell == "yes";
                assert_eq!(may_become(from, to), expected, "{from:?} to {to:?}");
            }
        }
    }
}
