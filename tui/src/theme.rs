//! Styles by meaning. Sixteen colours at the most, so that the terminal's own
//! theme decides how they look; without colours, meaning is in the words and
//! in bold, dim, underlined and reversed.

use ratatui::style::{Color, Modifier, Style};

/// What a stretch of the screen means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Role {
    /// Plain text.
    Plain,
    /// Well.
    Good,
    /// On the way, or worth a look.
    Warning,
    /// Wrong.
    Bad,
    /// Stands back.
    Faint,
    /// Stands out.
    Strong,
    /// Our own frame and headings.
    Accent,
    /// Where the cursor is.
    Selected,
    /// What was searched for.
    Match,
    /// A key to press.
    Key,
    /// A line that comes.
    Added,
    /// A line that goes.
    Removed,
    /// A key of YAML.
    YamlKey,
    /// A string or plain value of YAML.
    YamlValue,
    /// A number or word with a meaning in YAML.
    YamlWord,
    /// A comment.
    YamlComment,
}

/// Which signs the terminal can show beside letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Glyphs {
    /// Those of Unicode.
    #[default]
    Unicode,
    /// What every terminal has.
    Ascii,
}

impl Glyphs {
    /// Tells from the words of the locale, most binding first, and the terminal's name.
    pub fn of(locale: Option<&str>, terminal: Option<&str>) -> Self {
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        let unicode = locale.contains("utf-8") || locale.contains("utf8");
        // The kernel's own terminal has a few hundred signs.
        if unicode && terminal != Some("linux") { Self::Unicode } else { Self::Ascii }
    }

    /// Returns a small arrow down and one up, each one column wide on every terminal.
    pub fn arrows(self) -> (&'static str, &'static str) {
        match self {
            Self::Unicode => ("\u{25be}", "\u{25b4}"),
            Self::Ascii => ("v", "^"),
        }
    }
}

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// Sixteen of them.
    #[default]
    Colors,
    /// None.
    Plain,
}

impl Theme {
    /// Returns the style of a meaning.
    pub fn style(self, role: Role) -> Style {
        let style = Style::new();
        let style = match role {
            Role::Plain | Role::YamlValue => style,
            Role::Good => style.fg(Color::Green),
            Role::Added => style.fg(Color::Green),
            Role::Warning => style.fg(Color::Yellow),
            Role::Bad => style.fg(Color::Red).add_modifier(Modifier::BOLD),
            Role::Removed => style.fg(Color::Red),
            Role::Faint => style.add_modifier(Modifier::DIM),
            Role::YamlComment => style.fg(Color::Green).add_modifier(Modifier::DIM),
            Role::Strong => style.add_modifier(Modifier::BOLD),
            Role::Accent => style.fg(Color::Cyan).add_modifier(Modifier::BOLD),
            Role::Selected => style.add_modifier(Modifier::REVERSED),
            Role::Match => style.fg(Color::Black).bg(Color::Yellow),
            Role::Key => style.fg(Color::Cyan),
            Role::YamlKey => style.fg(Color::Cyan),
            Role::YamlWord => style.fg(Color::Magenta),
        };
        match (self, role) {
            (Self::Colors, _) => style,
            (Self::Plain, Role::Match) => {
                Style::new().add_modifier(Modifier::REVERSED | Modifier::UNDERLINED)
            }
            (Self::Plain, Role::Bad | Role::Key) => Style::new().add_modifier(Modifier::BOLD),
            (Self::Plain, _) => Style { fg: None, bg: None, ..style },
        }
    }

    /// Returns a style of a program in a pod, as far as this theme shows it.
    pub fn foreign(self, style: Style) -> Style {
        match self {
            Self::Colors => style,
            Self::Plain => Style { fg: None, bg: None, underline_color: None, ..style },
        }
    }
}
