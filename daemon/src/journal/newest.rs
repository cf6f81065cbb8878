//! The newest records of journals that are followed, in memory: a follower that has seen
//! everything before is given them without a look into the files.

use super::files::Stored;
use super::lock;
use super::read::Query;
use pinacle_protocol::{Cursor, JournalPage, PodId};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Most that is kept of one pod, in bytes of its lines; more at once is read from the files.
pub(super) const MOST: usize = 64 * 1024;

/// What each followed pod's last write consisted of, for as long as it is followed.
#[derive(Default)]
pub(super) struct Newest(Mutex<HashMap<PodId, Followed>>);

#[derive(Default)]
struct Followed {
    followers: usize,
    batch: Option<Batch>,
}

/// Records with nothing between them.
struct Batch {
    /// Place of the last one.
    end: Cursor,
    records: Vec<Stored>,
}

/// Where a pod's journal ends, for one who follows it: the newest records are kept until the
/// last of these is dropped.
pub struct Head {
    moves: watch::Receiver<Cursor>,
    pod: PodId,
    newest: Arc<Newest>,
}

impl Deref for Head {
    type Target = watch::Receiver<Cursor>;

    fn deref(&self) -> &Self::Target {
        &self.moves
    }
}

impl DerefMut for Head {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.moves
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        let mut pods = lock(&self.newest.0);
        let Entry::Occupied(mut followed) = pods.entry(self.pod.clone()) else { return };
        followed.get_mut().followers -= 1;
        if followed.get().followers == 0 {
            followed.remove();
        }
    }
}

impl Newest {
    /// Begins to keep what is written for a pod.
    pub(super) fn follow(self: &Arc<Self>, pod: &PodId, moves: watch::Receiver<Cursor>) -> Head {
        lock(&self.0).entry(pod.clone()).or_default().followers += 1;
        Head { moves, pod: pod.clone(), newest: self.clone() }
    }

    /// Keeps what was just written up to `end`, if somebody follows. Must be told before
    /// anybody hears of `end`.
    pub(super) fn keep(&self, pod: &PodId, end: Cursor, records: Vec<Stored>) {
        if let Some(followed) = lock(&self.0).get_mut(pod) {
            followed.batch = (!records.is_empty()).then_some(Batch { end, records });
        }
    }

    pub(super) fn forget(&self, pod: &PodId) {
        if let Some(followed) = lock(&self.0).get_mut(pod) {
            followed.batch = None;
        }
    }

    /// Returns the page behind a place, if all of it is here.
    pub(super) fn page(&self, pod: &PodId, query: Query) -> Option<JournalPage> {
        let Query { place, head, infra, max_records } = query;
        let pods = lock(&self.0);
        let batch = pods.get(pod).and_then(|followed| followed.batch.as_ref());
        let batch = batch.filter(|batch| batch.end == head && place.epoch == head.epoch)?;
        let first = batch.records.first()?.record.seq;
        let all = usize::try_from(max_records).is_ok_and(|most| batch.records.len() <= most);
        if !all || place.seq.saturating_add(1) < first || place.seq > head.seq {
            return None;
        }
        let wanted = |stored: &&Stored| stored.record.seq > place.seq && (infra || !stored.infra);
        let records = batch.records.iter().filter(wanted).map(|stored| stored.record.clone());
        Some(JournalPage {
            pod: pod.clone(),
            records: records.collect(),
            from: place,
            next: head,
            missed: 0,
            at_end: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinacle_protocol::{JournalEntry, JournalRecord, Timestamp};

    fn stored(seq: u64, infra: bool) -> Stored {
        let entry = JournalEntry::Note { text: format!("n{seq}") };
        Stored { record: JournalRecord { seq, time: Timestamp(1), entry }, infra }
    }

    fn at(seq: u64) -> Cursor {
        Cursor { epoch: 7, seq }
    }

    #[test]
    fn a_page_is_given_only_when_all_of_it_is_there() {
        let newest = Arc::<Newest>::default();
        let pod = PodId::new("abcdefgh01234567").expect("an id");
        let _head = newest.follow(&pod, watch::channel(at(0)).1);
        let page = |place: Cursor, head: Cursor, infra: bool, max_records: u32| {
            let page = newest.page(&pod, Query { place, max_records, infra, head })?;
            assert!(page.at_end && page.missed == 0 && page.next == head && page.from == place);
            Some(page.records.iter().map(|record| record.seq).collect::<Vec<_>>())
        };
        assert_eq!(page(at(3), at(6), true, 10), None, "nothing is kept");
        newest.keep(&pod, at(6), vec![stored(4, false), stored(5, true), stored(6, false)]);
        assert_eq!(page(at(3), at(6), true, 10), Some(vec![4, 5, 6]));
        assert_eq!(page(at(3), at(6), false, 10), Some(vec![4, 6]));
        assert_eq!(page(at(5), at(6), false, 10), Some(vec![6]));
        assert_eq!(page(at(6), at(6), false, 10), Some(vec![]));
        assert_eq!(page(at(2), at(6), true, 10), None, "3 is not here");
        assert_eq!(page(at(7), at(6), true, 10), None, "a place that is yet to come");
        assert_eq!(page(at(3), at(6), true, 2), None, "more than was asked for");
        assert_eq!(page(at(3), at(7), true, 10), None, "7 is not here");
        assert_eq!(page(Cursor { epoch: 6, seq: 3 }, at(6), true, 10), None, "another journal");
        newest.keep(&pod, at(9), Vec::new());
        assert_eq!(page(at(6), at(9), true, 10), None);
        newest.keep(&pod, at(9), vec![stored(9, false)]);
        newest.forget(&pod);
        assert_eq!(page(at(8), at(9), true, 10), None);
    }
    #[test]
    fn nothing_is_kept_once_the_last_follower_has_left() {
        let newest = Arc::<Newest>::default();
        let pod = PodId::new("abcdefgh01234567").expect("an id");
        let kept = || {
            newest.keep(&pod, at(4), vec![stored(4, false)]);
            lock(&newest.0).values().filter(|followed| followed.batch.is_some()).count()
        };
        assert_eq!(kept(), 0, "nobody follows");
        let moves = || watch::channel(at(0)).1;
        let (first, second) = (newest.follow(&pod, moves()), newest.follow(&pod, moves()));
        assert_eq!(kept(), 1);
        drop(first);
        assert_eq!(kept(), 1, "one is left");
        kept();
        drop(second);
        assert!(lock(&newest.0).is_empty(), "the last has left");
        // One that left while a write was under way.
        assert_eq!(kept(), 0);
    }
}
