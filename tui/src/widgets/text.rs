//! Text that fits: cut, wrapped and padded by columns, never by bytes.

use unicode_width::UnicodeWidthChar;

/// Returns the columns of a character: none for what joins the one before.
pub fn width_of(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// Returns the columns of a text.
pub fn width(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

/// Returns a number of columns as a length on the screen.
pub fn columns(text: &str) -> u16 {
    u16::try_from(width(text)).unwrap_or(u16::MAX)
}

/// Cuts a text to a number of columns, with `…` where something is missing.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        if used + width_of(c) + 1 > columns {
            break;
        }
        used += width_of(c);
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// Returns the end of `text` that fits into `columns`, with what is left out marked: of a path, the end says most.
pub fn tail(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut room = columns.saturating_sub(1);
    let kept = text.chars().rev().take_while(|c| {
        let fits = width_of(*c) <= room;
        room = room.saturating_sub(width_of(*c));
        fits
    });
    let from = text.len() - kept.map(char::len_utf8).sum::<usize>();
    if columns == 0 { String::new() } else { format!("…{}", &text[from..]) }
}

/// Cuts and fills a text to exactly a number of columns.
pub fn fit(text: &str, columns: usize) -> String {
    let mut out = cut(text, columns);
    let missing = columns.saturating_sub(width(&out));
    out.extend(std::iter::repeat_n(' ', missing));
    out
}

/// Returns a number with its word.
pub fn count(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

/// Breaks a text at blanks into lines of at most a number of columns.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        // What is set in stays so, as the lines of a diff.
        let body = paragraph.trim_start_matches(' ');
        let indent = (paragraph.len() - body.len()).min(columns / 2);
        let (from, columns) = (lines.len(), columns - indent);
        let paragraph = body;
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let gap = usize::from(!line.is_empty());
            if width(&line) + gap + width(word) <= columns {
                if gap == 1 {
                    line.push(' ');
                }
                line.push_str(word);
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for c in word.chars() {
                if width(&line) + width_of(c) > columns {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(c);
            }
        }
        lines.push(line);
        for line in &mut lines[from..] {
            line.insert_str(0, &" ".repeat(indent));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::tail;

    #[test]
    fn of_a_long_path_the_end_is_kept() {
        assert_eq!(tail("/a/b", 4), "/a/b");
        assert_eq!(tail("/home/me/blog", 8), "…me/blog");
        assert_eq!(tail("/日本語", 5), "…本語");
        assert_eq!(tail("/日本語", 4), "…語");
        assert_eq!(tail("/a/b", 0), "");
    }
}
