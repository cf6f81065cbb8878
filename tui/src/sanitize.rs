//! Makes what commands in pods print safe for a terminal.
//!
//! A streaming state machine: sequences may be split anywhere between two
//! chunks. Everything that could move the cursor, change the terminal or talk
//! to it is taken out: CSI, OSC, DCS, APC, PM and SOS sequences, C0 and C1
//! controls, and the characters that turn the writing direction. Line feeds
//! and tabs stay; a carriage return, alone or before a line feed, ends the line.
//! Bytes that are not UTF-8 become U+FFFD.

/// Longest SGR sequence that is passed on, in bytes.
const MAX_SGR: usize = 64;

/// Longest string sequence that is waited for, in bytes: an unclosed one must
/// not swallow the rest of a log.
const MAX_STRING: usize = 64 * 1024;

/// What is kept beside plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Colours and other SGR attributes.
    Sgr,
    /// The same, and every carriage return that does not stand before a line
    /// feed: whoever shows the text lets the line begin anew there.
    SgrAndReturns,
    /// Nothing.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ground,
    Escape,
    /// Between `ESC` and the final byte of a sequence such as `ESC ( B`.
    Intermediate,
    Csi,
    /// Within an operating system command; a line feed ends it as well.
    Osc,
    /// Within a device control or other string.
    Text,
    /// After `ESC` within either of those.
    StringEscape {
        osc: bool,
    },
}

/// One stream's state between chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sanitizer {
    keep: Keep,
    state: State,
    /// Bytes of a character that is not complete yet.
    partial: Vec<u8>,
    /// Parameters of the CSI sequence under way; `None` once it cannot be SGR.
    parameters: Option<String>,
    string_bytes: usize,
    after_return: bool,
    styled: bool,
}

impl Sanitizer {
    /// Makes the state of a stream at its beginning.
    pub fn new(keep: Keep) -> Self {
        Self {
            keep,
            state: State::Ground,
            partial: Vec::new(),
            parameters: None,
            string_bytes: 0,
            after_return: false,
            styled: false,
        }
    }

    /// Appends what is safe of `bytes` to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut String) {
        if self.partial.is_empty() {
            self.decode(bytes, out);
        } else {
            let mut whole = std::mem::take(&mut self.partial);
            whole.extend_from_slice(bytes);
            self.decode(&whole, out);
        }
    }

    /// Ends the stream: appends U+FFFD for a cut character and puts attributes back.
    pub fn finish(&mut self, out: &mut String) {
        if !self.partial.is_empty() {
            self.partial.clear();
            self.character('\u{fffd}', out);
        }
        self.reset_style(out);
        self.state = State::Ground;
        self.after_return = false;
    }

    /// Puts attributes back when any is set, for text of someone else to follow.
    pub fn reset_style(&mut self, out: &mut String) {
        if std::mem::take(&mut self.styled) {
            out.push_str("\x1b[0m");
        }
    }

    fn decode(&mut self, mut bytes: &[u8], out: &mut String) {
        loop {
            match std::str::from_utf8(bytes) {
                Ok(text) => {
                    text.chars().for_each(|c| self.character(c, out));
                    return;
                }
                Err(error) => {
                    let (valid, rest) = bytes.split_at(error.valid_up_to());
                    for c in String::from_utf8_lossy(valid).chars() {
                        self.character(c, out);
                    }
                    let Some(skipped) = error.error_len() else {
                        self.partial = rest.to_vec();
                        return;
                    };
                    self.character('\u{fffd}', out);
                    bytes = &rest[skipped..];
                }
            }
        }
    }

    fn character(&mut self, c: char, out: &mut String) {
        match (self.state, c) {
            // CAN and SUB end every sequence.
            (_, '\x18' | '\x1a') => self.state = State::Ground,
            (State::Osc | State::Text, _) => self.in_string(c, out),
            (State::StringEscape { .. }, '\\') => self.state = State::Ground,
            (State::StringEscape { .. }, _) => {
                self.state = State::Escape;
                self.after_escape(c, out);
            }
            (_, '\x1b') => self.state = State::Escape,
            (State::Ground, _) => self.ground(c, out),
            (State::Escape, _) => self.after_escape(c, out),
            (State::Intermediate, '\x20'..='\x2f') => {}
            (State::Intermediate, '\x30'..='\x7e') => self.state = State::Ground,
            (State::Intermediate, _) => self.leave(c, out),
            (State::Csi, _) => self.in_csi(c, out),
        }
    }

    fn ground(&mut self, c: char, out: &mut String) {
        let after_return = std::mem::take(&mut self.after_return);
        if self.keep == Keep::SgrAndReturns {
            return self.ground_with_returns(c, after_return, out);
        }
        match c {
            '\n' if after_return => {}
            '\n' | '\t' => out.push(c),
            '\r' => {
                // Repeated returns, as before a progress bar, end one line.
                if !after_return {
                    out.push('\n');
                }
                self.after_return = true;
            }
            c => self.plain(c, out),
        }
    }

    fn ground_with_returns(&mut self, c: char, after_return: bool, out: &mut String) {
        match c {
            '\r' => self.after_return = true,
            '\n' => out.push('\n'),
            c => {
                if after_return {
                    out.push('\r');
                }
                if c == '\t' { out.push(c) } else { self.plain(c, out) }
            }
        }
    }

    fn plain(&mut self, c: char, out: &mut String) {
        match c {
            '\u{9b}' => self.begin_csi(),
            '\u{9d}' => self.begin_string(State::Osc),
            '\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}' => self.begin_string(State::Text),
            c if c.is_control() || turns_direction(c) => {}
            c => out.push(c),
        }
    }

    fn after_escape(&mut self, c: char, out: &mut String) {
        match c {
            '[' => self.begin_csi(),
            ']' => self.begin_string(State::Osc),
            'P' | 'X' | '^' | '_' => self.begin_string(State::Text),
            '\x20'..='\x2f' => self.state = State::Intermediate,
            '\x30'..='\x7e' => self.state = State::Ground,
            _ => self.leave(c, out),
        }
    }

    /// A character no sequence can hold: the sequence is dropped, the character counts.
    fn leave(&mut self, c: char, out: &mut String) {
        self.state = State::Ground;
        self.ground(c, out);
    }

    fn begin_csi(&mut self) {
        self.state = State::Csi;
        self.parameters = Some(String::new());
    }

    fn begin_string(&mut self, state: State) {
        self.state = state;
        self.string_bytes = 0;
    }

    fn in_csi(&mut self, c: char, out: &mut String) {
        match c {
            '0'..='9' | ';' | ':' => match &mut self.parameters {
                Some(text) if text.len() < MAX_SGR => text.push(c),
                parameters => *parameters = None,
            },
            '\x20'..='\x3f' => self.parameters = None,
            '\x40'..='\x7e' => {
                self.state = State::Ground;
                let parameters = self.parameters.take();
                if let (true, 'm', Some(parameters)) = (self.keep != Keep::Nothing, c, parameters) {
                    self.styled = !matches!(parameters.as_str(), "" | "0");
                    out.push_str("\x1b[");
                    out.push_str(&parameters);
                    out.push('m');
                }
            }
            _ => self.leave(c, out),
        }
    }

    fn in_string(&mut self, c: char, out: &mut String) {
        let osc = self.state == State::Osc;
        self.string_bytes += c.len_utf8();
        match c {
            '\x1b' => self.state = State::StringEscape { osc },
            '\u{9c}' => self.state = State::Ground,
            '\x07' if osc => self.state = State::Ground,
            '\n' if osc => self.leave(c, out),
            _ if self.string_bytes > MAX_STRING => self.state = State::Ground,
            _ => {}
        }
    }
}

/// Returns whether a character changes the direction of writing, with which a
/// line can be made to read other than it is.
pub fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// Returns a command as it is shown: plain characters, one line for each of its own, what
/// was a tab as two spaces.
pub fn plain_command(text: &str) -> String {
    let mut sanitizer = Sanitizer::new(Keep::Nothing);
    let mut out = String::with_capacity(text.len());
    sanitizer.push(text.as_bytes(), &mut out);
    sanitizer.finish(&mut out);
    out.trim_end().replace('\t', "  ")
}

/// Returns `text` on one line and without anything but plain characters, for
/// places in which a message or a name is quoted.
pub fn plain_line(text: &str) -> String {
    let mut sanitizer = Sanitizer::new(Keep::Nothing);
    let mut out = String::with_capacity(text.len());
    sanitizer.push(text.as_bytes(), &mut out);
    sanitizer.finish(&mut out);
    let out = out.trim_end();
    if out.contains(['\n', '\t']) { out.replace(['\n', '\t'], " ") } else { out.to_owned() }
}
