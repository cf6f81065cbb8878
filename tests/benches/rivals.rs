//! Other programs of the kind, on the same engine.

use crate::screen::{Screen, Start};
use std::path::{Path, PathBuf};

/// A program to compare with.
#[derive(Debug, Clone)]
pub(crate) struct Rival {
    pub(crate) name: &'static str,
    program: PathBuf,
    home: PathBuf,
}

/// Returns those that the runner has installed.
pub(crate) fn all(home: &Path) -> anyhow::Result<Vec<Rival>> {
    let mut found = Vec::new();
    for name in ["oxker", "ducker"] {
        let named = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .map(|dir| dir.join(name))
            .find(|path| path.is_file());
        let Some(program) = named else {
            crate::common::say(&format!("{name} is not installed: its figures are left out"));
            continue;
        };
        let settings = home.join(".config").join(name);
        std::fs::create_dir_all(&settings)?;
        if name == "ducker" {
            std::fs::write(settings.join("config.yaml"), "check_for_update: false\n")?;
        }
        found.push(Rival { name, program, home: home.to_owned() });
    }
    Ok(found)
}

impl Rival {
    /// Starts it on the engine that is measured.
    pub(crate) fn start(&self) -> anyhow::Result<Screen> {
        Screen::start(&Start {
            program: &self.program,
            args: &[],
            env: &[
                ("HOME", self.home.as_os_str()),
                ("XDG_CONFIG_HOME", self.home.join(".config").as_os_str()),
            ],
            dir: &self.home,
        })
    }

    /// Has it show a container's log, wherever its cursor stands; false when it does not.
    pub(crate) fn show_log(&self, screen: &Screen, container: &str) -> bool {
        use std::time::Duration;
        let soon = Duration::from_millis(600);
        for _ in 0..80 {
            match self.name {
                // Its log panel shows whichever container is selected.
                "oxker" => {
                    let titled = |s: &vt100::Screen| {
                        let text = s.contents();
                        text.lines().any(|line| line.contains("Logs") && line.contains(container))
                    };
                    if screen.wait(soon, titled).is_some() {
                        return true;
                    }
                    screen.press("j");
                }
                _ => {
                    screen.press("l");
                    if screen.wait_text(soon, "stamp").is_some() {
                        return true;
                    }
                    screen.press("\x1b");
                    screen.settle(Duration::from_millis(100), soon);
                    screen.press("j");
                }
            }
        }
        false
    }
}
