//! Records as bytes: a JSON envelope with a version, cut into pieces that sled
//! keeps in its pages. Larger values would become separate files, which it
//! never syncs. A checksum behind the JSON shows a flipped bit that is JSON all the same.

use super::StoreError;
use crate::sealed::{self, Line};
use pinacle_core::record::{Record, RecordKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the envelope.
const VERSION: u32 = 1;
/// Largest piece, in bytes.
pub(super) const PIECE: usize = 16 * 1024;
/// Divides a record's name from a piece's number in a key; in no id.
const DIVIDER: char = '/';
/// Key of the last commit's number, beside the records so that it changes with them.
pub(super) const NUMBER: &str = "!number";

/// Returns a commit's number as it is kept.
pub(super) fn number_bytes(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// What the pieces made.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) records: Vec<Record>,
    /// The last commit; `None` in a database of a build that did not count.
    pub(super) number: Option<u64>,
    /// Why some are not legible.
    pub(super) unreadable: Vec<String>,
}

#[derive(Serialize)]
struct EnvelopeRef<'a> {
    v: u32,
    #[serde(flatten)]
    record: &'a Record,
}

#[derive(Deserialize)]
struct Envelope {
    v: u32,
    #[serde(flatten)]
    record: Record,
}

/// Returns what all keys of a record begin with.
pub(super) fn prefix(key: &RecordKey) -> String {
    match key {
        RecordKey::Pod(id) => format!("pod{DIVIDER}{id}{DIVIDER}"),
        RecordKey::Operation(id) => format!("operation{DIVIDER}{id}{DIVIDER}"),
        RecordKey::Spare(id) => format!("spare{DIVIDER}{id}{DIVIDER}"),
    }
}

/// Returns a record's keys and pieces.
pub(super) fn encode(record: &Record) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let mut bytes =
        serde_json::to_vec(&EnvelopeRef { v: VERSION, record }).map_err(StoreError::Encode)?;
    sealed::seal(&mut bytes, 0);
    let prefix = prefix(&record.key());
    let pieces = bytes.chunks(PIECE).enumerate();
    Ok(pieces.map(|(i, piece)| (format!("{prefix}{i:04}"), piece.to_vec())).collect())
}

/// Puts pieces together again.
pub(super) fn decode(pieces: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Decoded {
    let mut whole: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut decoded = Decoded::default();
    for (key, piece) in pieces {
        let key = String::from_utf8_lossy(&key).into_owned();
        match key.rsplit_once(DIVIDER) {
            Some((name, _)) => whole.entry(name.to_owned()).or_default().extend(piece),
            None if key == NUMBER => match <[u8; 8]>::try_from(piece) {
                Ok(bytes) => decoded.number = Some(u64::from_be_bytes(bytes)),
                Err(_) => decoded.unreadable.push("the last commit's number".to_owned()),
            },
            None => decoded.unreadable.push(format!("unknown key {key:?}")),
        }
    }
    for (name, bytes) in whole {
        match decode_one(&bytes) {
            Ok(record) => decoded.records.push(record),
            Err(why) => decoded.unreadable.push(format!("{name}: {why}")),
        }
    }
    decoded.records.sort_by_cached_key(Record::key);
    decoded
}

fn decode_one(bytes: &[u8]) -> Result<Record, String> {
    let json = match sealed::open(bytes) {
        Line::Whole(json) | Line::Plain(json) => json,
        Line::Damaged => return Err("its checksum is wrong".to_owned()),
    };
    match serde_json::from_slice::<Envelope>(json) {
        Ok(envelope) if envelope.v <= VERSION => Ok(envelope.record),
        Ok(envelope) => Err(format!("version {}", envelope.v)),
        // The error may quote the value, which may hold secrets.
        Err(error) => Err(format!("{:?} at byte {}", error.classify(), error.column())),
    }
}
