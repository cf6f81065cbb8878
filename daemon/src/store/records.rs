//! Records as bytes: a JSON envelope with a version, cut into pieces that sled
//! keeps in its pages. Larger values would become separate files, which it
//! never syncs.

use super::StoreError;
use pinacle_core::record::{Record, RecordKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the envelope.
const VERSION: u32 = 1;
/// Largest piece, in bytes.
pub(super) const PIECE: usize = 16 * 1024;
/// Divides a record's name from a piece's number in a key; in no id.
const DIVIDER: char = '/';

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
    }
}

/// Returns a record's keys and pieces.
pub(super) fn encode(record: &Record) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let bytes =
        serde_json::to_vec(&EnvelopeRef { v: VERSION, record }).map_err(StoreError::Encode)?;
    let prefix = prefix(&record.key());
    let pieces = bytes.chunks(PIECE).enumerate();
    Ok(pieces.map(|(i, piece)| (format!("{prefix}{i:04}"), piece.to_vec())).collect())
}

/// Puts pieces together again. Returns the records and the reasons of those that are
/// not legible.
pub(super) fn decode(
    pieces: impl Iterator<Item = (Vec<u8>, Vec<u8>)>,
) -> (Vec<Record>, Vec<String>) {
    let mut whole: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut unreadable = Vec::new();
    for (key, piece) in pieces {
        let key = String::from_utf8_lossy(&key).into_owned();
        match key.rsplit_once(DIVIDER) {
            Some((name, _)) => whole.entry(name.to_owned()).or_default().extend(piece),
            None => unreadable.push(format!("unknown key {key:?}")),
        }
    }
    let mut records = Vec::new();
    for (name, bytes) in whole {
        match serde_json::from_slice::<Envelope>(&bytes) {
            Ok(envelope) if envelope.v <= VERSION => records.push(envelope.record),
            Ok(envelope) => unreadable.push(format!("{name}: version {}", envelope.v)),
            // The error may quote the value, which may hold secrets.
            Err(error) => unreadable.push(format!(
                "{name}: {:?} at byte {}",
                error.classify(),
                error.column()
            )),
        }
    }
    (records, unreadable)
}
