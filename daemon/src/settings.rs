//! The daemon's settings file: `config.toml` in its state directory, every key
//! optional. Read once, at the start.

mod place;
mod range;

use pinacle_core::settings::SubnetPool;
use pinacle_protocol::paths::MAX_SOCKET_PATH;
use place::Place;
use serde::Deserialize;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// Largest settings file that is read, in bytes; a real one has a few lines.
const MAX_BYTES: u64 = 256 * 1024;
/// Most networks kept ready.
const MOST_SPARES: usize = 64;

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
    /// Networks kept ready for pods to come, while there are pods; 0 to 64.
    pub spares: usize,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self { pool: "10.249.0.0/16".to_owned(), spares: 8 }
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
    #[error("the settings file {path} is no regular file of at most {MAX_BYTES} bytes")]
    NoFile {
        /// Which.
        path: PathBuf,
    },
    /// It is not TOML, has a key that is not known, or a value that cannot be.
    #[error("{path}{}: {}{reason}", At(*line), Key(key.as_deref()))]
    Wrong {
        /// Which.
        path: PathBuf,
        /// The line, from 1; `None` where it cannot be told.
        line: Option<usize>,
        /// The dotted key, where one is at fault.
        key: Option<String>,
        /// What is wrong with it, and what it may be.
        reason: String,
    },
}

impl SettingsError {
    /// Returns what to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "see that the file belongs to the daemon's user, or remove it",
            Self::NoFile { .. } => "put a file there, or remove it to have the defaults",
            Self::Wrong { .. } => {
                "mend that line, or remove it to have the default; `pinacled --check` tells \
                 whether the file is right"
            }
        }
    }
}

struct At(Option<usize>);

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

struct Key<'a>(Option<&'a str>);

impl std::fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |key| write!(f, "`{key}`: "))
    }
}

/// A dotted key, and why its value cannot be.
type Complaint = (&'static str, String);

impl Settings {
    /// Reads the file; one that is not there means the defaults.
    ///
    /// # Errors
    ///
    /// [`SettingsError`], naming the file, the line, the key and what it must be.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let read = |source| SettingsError::Read { path: path.to_owned(), source };
        match std::fs::metadata(path) {
            Ok(meta) if !meta.is_file() || meta.len() > MAX_BYTES => {
                return Err(SettingsError::NoFile { path: path.to_owned() });
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(read(error)),
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        Self::parse(&text).map_err(|(Place { line, key }, reason)| SettingsError::Wrong {
            path: path.to_owned(),
            line,
            key,
            reason,
        })
    }

    fn parse(text: &str) -> Result<Self, (Place, String)> {
        let settings: Self = toml::from_str(text).map_err(|error| {
            let place = error.span().map(|span| Place::at(text, span.start)).unwrap_or_default();
            // Its further lines show the text again.
            (place, error.message().lines().collect::<Vec<_>>().join("; "))
        })?;
        match settings.complaint() {
            Some((key, reason)) => Err((Place::of(text, key), reason)),
            None => Ok(settings),
        }
    }

    fn complaint(&self) -> Option<Complaint> {
        let Self { ports, journal, engine, .. } = self;
        if ports.first < 1024 {
            return Some(("ports.first", format!("must be 1024 or above, not {}", ports.first)));
        }
        if ports.first > ports.last {
            let PortRange { first, last } = ports;
            return Some((
                "ports.last",
                format!("{last} is below `ports.first`, which is {first}"),
            ));
        }
        if let Some(reason) = self.pool_complaint() {
            return Some(("network.pool", reason));
        }
        let spares = self.network.spares;
        if spares > MOST_SPARES {
            return Some(("network.spares", format!("must be 0 to {MOST_SPARES}, not {spares}")));
        }
        let amounts = [
            ("journal.days", journal.days),
            ("journal.command_mib", journal.command_mib),
            ("journal.pod_mib", journal.pod_mib),
        ];
        if let Some((key, _)) = amounts.iter().find(|(_, amount)| *amount == 0) {
            return Some((key, "must be 1 or above".to_owned()));
        }
        let socket = engine.socket.as_deref();
        if let Some(reason) = socket.and_then(path_complaint).or(socket.and_then(too_long)) {
            return Some(("engine.socket", reason));
        }
        if let Some(reason) = engine.certificates.as_deref().and_then(path_complaint) {
            return Some(("engine.certificates", reason));
        }
        let runtime = engine.gvisor_runtime.as_deref().map(str::trim);
        (runtime == Some("")).then(|| {
            let reason = "is empty; name a runtime of the engine, such as \"runsc\"";
            ("engine.gvisor_runtime", reason.to_owned())
        })
    }

    fn pool_complaint(&self) -> Option<String> {
        let pool = &self.network.pool;
        let example = "such as \"10.249.0.0/16\"";
        let Some((base, prefix)) = self.range() else {
            return Some(format!("must be an IPv4 range {example}, not {pool:?}"));
        };
        if !(8..=24).contains(&prefix) {
            return Some(format!("must have a prefix of 8 to 24, {example}, not /{prefix}"));
        }
        if SubnetPool::new(base, prefix).is_none() {
            let first = Ipv4Addr::from(u32::from(base) & (u32::MAX << (32 - u32::from(prefix))));
            return Some(format!("{pool} does not begin a range; {first}/{prefix} does"));
        }
        let what = range::reserved(base, prefix)?;
        Some(format!("{pool} has {what}, which pods cannot have; take a private range {example}"))
    }

    fn range(&self) -> Option<(Ipv4Addr, u8)> {
        let (base, prefix) = self.network.pool.split_once('/')?;
        Some((base.parse().ok()?, prefix.parse().ok()?))
    }

    /// Returns the pool; `None` only for settings that [`Settings::read`] refuses.
    pub fn pool(&self) -> Option<SubnetPool> {
        let (base, prefix) = self.range()?;
        SubnetPool::new(base, prefix)
    }
}

fn path_complaint(path: &Path) -> Option<String> {
    let must = "must be a whole path that begins with `/`";
    if path.as_os_str().is_empty() {
        return Some(format!("{must}, and is empty"));
    }
    (!path.is_absolute()).then(|| format!("{must}, not {path:?}"))
}

fn too_long(socket: &Path) -> Option<String> {
    let length = socket.as_os_str().len();
    (length > MAX_SOCKET_PATH).then(|| {
        format!("has {length} bytes, and this system allows a socket's path {MAX_SOCKET_PATH}")
    })
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
    fn a_wrong_key_or_value_is_named_with_its_line() {
        let long = format!("[engine]\nsocket = \"/{}\"", "s".repeat(MAX_SOCKET_PATH));
        for (text, words) in [
            ("prots = 1", "config.toml:1: `prots`: unknown field `prots`"),
            ("[ports]\n\nfrist = 1", "config.toml:3: `ports.frist`: unknown field `frist`"),
            ("[ports]\nfirst = 80", "config.toml:2: `ports.first`: must be 1024 or above, not 80"),
            ("# two\nports.first = \"x\"", "config.toml:2: `ports.first`: invalid type"),
            ("ports = { last = 70000 }", "config.toml:1: `ports.last`: invalid value"),
            ("[ports]\nlast = 2000", "config.toml:2: `ports.last`: 2000 is below"),
            ("[ports]\nfirst = 40000", "config.toml:1: `ports.last`: 39999 is below"),
            ("\n\n[ports\nfirst = 1", "config.toml:3: "),
            ("a = 1\na = 2", "config.toml:2: duplicate key"),
            ("[journal]\ndays = 0", "config.toml:2: `journal.days`: must be 1 or above"),
            ("[journal]\npod_mib = 0", "config.toml:2: `journal.pod_mib`: must be"),
            ("[engine]\nsocket = \"\"", "`engine.socket`: must be a whole path"),
            ("[engine]\nsocket = \"docker.sock\"", "not \"docker.sock\""),
            ("[engine]\nsocket = \"unix:///d.sock\"", "config.toml:2: `engine.socket`"),
            (&long, "this system allows a socket's path"),
            ("[engine]\ncertificates = \"ca.pem\"", "config.toml:2: `engine.certificates`"),
            ("[engine]\ngvisor_runtime = \" \"", "`engine.gvisor_runtime`: is empty"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_pool_that_no_network_can_be_made_of_is_refused() {
        for (pool, words) in [
            ("127.0.0.0/8", "loopback"),
            ("127.44.0.0/16", "loopback"),
            ("0.0.0.0/8", "this network"),
            ("169.254.7.0/24", "link-local"),
            ("169.0.0.0/8", "link-local"),
            ("224.0.0.0/8", "multicast"),
            ("239.1.0.0/16", "multicast"),
            ("255.255.255.0/24", "reserved"),
            ("10.249.1.0/16", "10.249.0.0/16 does"),
            ("10.0.0.0/7", "8 to 24"),
            ("10.0.0.0/25", "8 to 24"),
            ("10.0.0.0", "IPv4 range"),
            ("fd00::/8", "IPv4 range"),
            ("", "IPv4 range"),
        ] {
            let error = read(&format!("[network]\npool = {pool:?}\n")).expect_err(pool);
            assert!(error.contains("config.toml:2: `network.pool`: "), "{pool}: {error}");
            assert!(error.contains(words), "{pool}: {error}");
        }
        for pool in ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"] {
            assert!(read(&format!("[network]\npool = {pool:?}\n")).is_ok(), "{pool}");
        }
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        for path in ["/dev/zero", "/tmp"] {
            let error = Settings::read(Path::new(path)).expect_err(path);
            assert!(matches!(error, SettingsError::NoFile { .. }), "{error}");
        }
    }
}
