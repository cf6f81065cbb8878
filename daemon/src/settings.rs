//! The daemon's settings file: `config.toml` in its state directory, every key
//! optional. Read once, at the start.

use pinacle_core::settings::SubnetPool;
use serde::Deserialize;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// Largest settings file that is read, in bytes; a real one has a few lines.
const MAX_BYTES: u64 = 256 * 1024;

/// What a user may set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Ports pods are published on.
    pub ports: PortRange,
    /// Where the pods' subnets come from.
    pub network: NetworkSettings,
    /// The journals.
    pub journal: JournalSettings,
    /// The engine of this machine.
    pub engine: EngineSettings,
}

/// `[ports]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PortRange {
    /// Lowest port, 1024 or above.
    pub first: u16,
    /// Highest port.
    pub last: u16,
}

impl Default for PortRange {
    fn default() -> Self {
        Self { first: 30_000, last: 39_999 }
    }
}

/// `[network]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSettings {
    /// The pool in CIDR form, prefix 8 to 24: each pod gets a /24 of it.
    pub pool: String,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self { pool: "10.249.0.0/16".to_owned() }
    }
}

/// `[journal]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalSettings {
    /// Days a record is kept.
    pub days: u32,
    /// Most output kept of one command, in MiB.
    pub command_mib: u32,
    /// Most kept of one pod, in MiB.
    pub pod_mib: u32,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self { days: 5, command_mib: 128, pod_mib: 512 }
    }
}

/// `[engine]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSettings {
    /// The engine's socket; found by itself when not set.
    pub socket: Option<PathBuf>,
    /// The only runtime of the engine to consider for gVisor pods; every one that looks
    /// like gVisor is tried when not set.
    pub gvisor_runtime: Option<String>,
    /// Whether this machine's trusted certificates are handed to image builds and pods.
    pub trust_host_certificates: bool,
    /// The bundle to hand over; found by itself when not set.
    pub certificates: Option<PathBuf>,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            socket: None,
            gvisor_runtime: None,
            trust_host_certificates: true,
            certificates: None,
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is there and cannot be read.
    #[error("cannot read the settings file {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no settings file.
    #[error("the settings file {path} has {bytes} bytes, more than the {MAX_BYTES} that are read")]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// It is not TOML, or has a key or value that is not known.
    #[error("the settings file {path} is wrong; mend it or remove it")]
    Parse {
        /// Which.
        path: PathBuf,
        /// Where and what.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A value is out of its range.
    #[error("the settings file {path} is wrong: {what}")]
    Value {
        /// Which.
        path: PathBuf,
        /// The key and what it must be.
        what: String,
    },
}

impl Settings {
    /// Reads the file; one that is not there means the defaults.
    ///
    /// # Errors
    ///
    /// [`SettingsError`], naming the file, the key and what it must be.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let read = |source| SettingsError::Read { path: path.to_owned(), source };
        match std::fs::metadata(path) {
            Ok(meta) if meta.len() > MAX_BYTES => {
                return Err(SettingsError::TooLarge { path: path.to_owned(), bytes: meta.len() });
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(read(error)),
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        let settings: Self = toml::from_str(&text).map_err(|source| SettingsError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        match settings.complaint() {
            Some(what) => Err(SettingsError::Value { path: path.to_owned(), what }),
            None => Ok(settings),
        }
    }

    fn complaint(&self) -> Option<String> {
        if self.ports.first < 1024 || self.ports.first > self.ports.last {
            return Some("`ports` must run from `first`, 1024 or above, up to `last`".to_owned());
        }
        if self.pool().is_none() {
            let example = "an IPv4 range such as \"10.249.0.0/16\", prefix 8 to 24";
            return Some(format!("`network.pool` must be {example}, not {:?}", self.network.pool));
        }
        if self.journal.days == 0 || self.journal.command_mib == 0 || self.journal.pod_mib == 0 {
            return Some("`journal` takes no zero".to_owned());
        }
        None
    }

    /// Returns the pool; `None` only for settings that [`Settings::read`] refuses.
    pub fn pool(&self) -> Option<SubnetPool> {
        let (base, prefix) = self.network.pool.split_once('/')?;
        SubnetPool::new(base.parse::<Ipv4Addr>().ok()?, prefix.parse().ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("config.toml");
        std::fs::write(&path, text).expect("written");
        Settings::read(&path).map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error}: {}", source.unwrap_or_default())
        })
    }

    #[test]
    fn no_file_and_an_empty_file_mean_the_defaults() {
        assert_eq!(read(""), Ok(Settings::default()));
        let missing = Settings::read(Path::new("/nonexistent/config.toml"));
        assert_eq!(missing.ok(), Some(Settings::default()));
    }

    #[test]
    fn a_wrong_key_or_value_is_named() {
        for (text, word) in [
            ("prots = 1", "prots"),
            ("[ports]\nfirst = 80", "1024"),
            ("[ports]\nfirst = \"x\"", "invalid type"),
            ("[network]\npool = \"10.249.1.0/16\"", "10.249.1.0/16"),
            ("[journal]\ndays = 0", "journal"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
