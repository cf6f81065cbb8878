//! The ring of what happened, for those who watch.
//!
//! The driver alone adds to it. A reader that falls behind by more than the
//! ring holds is told of the gap and reads the inventory again.

use pinacle_protocol::{Cursor, Event, EventRecord, Timestamp};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Events kept: a minute of a thousand busy pods, and about 4 MiB at the most.
const KEPT: usize = 4_096;

/// The ring. One per daemon.
#[derive(Debug)]
pub struct EventHub {
    // A cache of this module: held for a few copies of pointers, never across an await.
    ring: Mutex<VecDeque<Arc<EventRecord>>>,
    head: watch::Sender<Cursor>,
}

/// Some events and where to go on.
#[derive(Debug, Clone)]
pub struct EventSlice {
    /// Oldest first.
    pub events: Vec<Arc<EventRecord>>,
    /// Give this to the next call.
    pub next: Cursor,
    /// Whether events before the first one here were missed.
    pub gap: bool,
}

impl EventHub {
    /// Makes an empty ring. The epoch tells this run of the daemon from others; not 0.
    pub fn new(epoch: u64) -> Self {
        // JSON numbers are exact up to 2^53 in every client.
        let (head, _) = watch::channel(Cursor { epoch: (epoch >> 11).max(1), seq: 0 });
        Self { ring: Mutex::new(VecDeque::new()), head }
    }

    /// Returns the newest event's place.
    pub fn head(&self) -> Cursor {
        *self.head.borrow()
    }

    /// Adds events and wakes the readers.
    pub(crate) fn push(&self, time: Timestamp, events: impl IntoIterator<Item = Event>) {
        let mut cursor = self.head();
        let before = cursor;
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            cursor.seq += 1;
            ring.push_back(Arc::new(EventRecord { cursor, time, event }));
        }
        while ring.len() > KEPT {
            ring.pop_front();
        }
        drop(ring);
        if cursor != before {
            self.head.send_replace(cursor);
        }
    }

    /// Returns up to `max` events after a cursor. A cursor of another run of the daemon
    /// is answered with all that is kept, and a gap; one with epoch 0 without a gap
    /// unless something is gone already.
    pub fn after(&self, after: Cursor, max: usize) -> EventSlice {
        let head = self.head();
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let first = ring.front().map_or(head.seq + 1, |event| event.cursor.seq);
        let (from, foreign) = match after.epoch {
            epoch if epoch == head.epoch => (after.seq, false),
            0 => (0, false),
            _ => (0, true),
        };
        let gap = foreign || from.saturating_add(1) < first;
        let skip =
            usize::try_from(from.saturating_add(1).saturating_sub(first)).unwrap_or(usize::MAX);
        let events: Vec<_> = ring.iter().skip(skip).take(max).cloned().collect();
        let next = events
            .last()
            .map_or(Cursor { epoch: head.epoch, seq: from.max(first - 1).min(head.seq) }, |e| {
                e.cursor
            });
        EventSlice { events, next, gap }
    }

    /// Returns a receiver that moves with the newest event's place.
    pub fn subscribe(&self) -> watch::Receiver<Cursor> {
        self.head.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinacle_protocol::PodId;

    fn removed(n: usize) -> impl Iterator<Item = Event> {
        let id = PodId::new("aaaaaaaaaaaaaaaa").expect("an id");
        std::iter::repeat_n(Event::PodRemoved { id }, n)
    }

    #[test]
    fn a_reader_goes_on_where_it_was() {
        let hub = EventHub::new(7 << 11);
        hub.push(Timestamp(1), removed(3));
        let first = hub.after(Cursor { epoch: 7, seq: 0 }, 2);
        assert_eq!((first.events.len(), first.gap), (2, false));
        let second = hub.after(first.next, 10);
        assert_eq!((second.events.len(), second.gap), (1, false));
        let third = hub.after(second.next, 10);
        assert_eq!((third.events.len(), third.gap, third.next), (0, false, hub.head()));
    }

    #[test]
    fn what_is_gone_is_a_gap_and_memory_is_bounded() {
        let hub = EventHub::new(7 << 11);
        hub.push(Timestamp(1), removed(KEPT + 10));
        let slice = hub.after(Cursor { epoch: 7, seq: 5 }, usize::MAX);
        assert!(slice.gap);
        assert_eq!(slice.events.len(), KEPT);
    }

    #[test]
    fn a_cursor_of_another_run_is_a_gap() {
        let hub = EventHub::new(7 << 11);
        assert!(hub.after(Cursor { epoch: 6, seq: 100 }, 10).gap);
        assert!(!hub.after(Cursor::default(), 10).gap);
    }
}
