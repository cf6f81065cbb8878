//! A screen as a picture: what a terminal emulator holds, drawn as SVG.

use std::fmt::Write;
use vt100::{Cell, Color, Screen};

/// Width of a cell. The text of a run is stretched to its cells, so that any monospaced
/// font will do.
const CELL: u16 = 9;
/// Height of a row.
const ROW: u16 = 20;
/// Space around the cells.
const MARGIN: u16 = 18;
/// Height of the window's bar.
const BAR: u16 = 36;
/// Space between the bar and the first row.
const GAP: u16 = 10;
/// From a row's top to the line its letters stand on.
const BASE: u16 = 15;
/// Fonts, what a system has for its own terminal first.
const FONTS: &str = "ui-monospace,SFMono-Regular,Menlo,'Cascadia Mono',Consolas,'DejaVu Sans Mono','Liberation Mono',monospace";

const GROUND: &str = "#11151c";
const FRAME: &str = "#1b212b";
const PLAIN: &str = "#cbd3dd";
/// The sixteen colours, black first.
const COLORS: [&str; 16] = [
    "#1b212b", "#f0716f", "#8cc265", "#e0b45f", "#6aa6f0", "#c68be6", "#56bfcb", "#cbd3dd",
    "#5c6778", "#ff8f8d", "#a6dd80", "#f5cd7d", "#8bbcff", "#dba6f7", "#7adbe6", "#f2f5f9",
];

/// How a run of cells looks.
#[derive(Clone, PartialEq)]
struct Look {
    fore: String,
    back: Option<String>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
}

/// Draws a screen, in a window with this title.
pub fn draw(screen: &Screen, title: &str) -> String {
    let (rows, columns) = screen.size();
    let mut svg = String::new();
    draw_window(&mut svg, columns * CELL + 2 * MARGIN, BAR + GAP + rows * ROW + MARGIN, title);
    for row in 0..rows {
        draw_row(&mut svg, screen, row, columns);
    }
    svg.push_str("</svg>\n");
    svg
}

/// Draws what is around the cells. A line around it shows on light and dark pages.
fn draw_window(svg: &mut String, width: u16, height: u16, title: &str) {
    let title = escaped(title);
    let (inner, edge, middle) = (width - 1, width - 11, width / 2);
    // Writing to a string does not fail.
    let _ = writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" aria-label="{title}" font-family="{FONTS}" font-size="15">
<rect x=".5" y=".5" width="{inner}" height="{}" rx="10" fill="{GROUND}"/>
<path d="M.5 {BAR}V10.5a10 10 0 0 1 10-10H{edge}.5a10 10 0 0 1 10 10V{BAR}z" fill="{FRAME}"/>
<rect x=".5" y=".5" width="{inner}" height="{}" rx="10" fill="none" stroke="#3a4454"/>"##,
        height - 1,
        height - 1,
    );
    for (at, color) in ["#f0716f", "#e0b45f", "#8cc265"].iter().enumerate() {
        let x = 22 + 20 * at;
        let _ = writeln!(svg, r#"<circle cx="{x}" cy="18" r="6" fill="{color}"/>"#);
    }
    let _ = writeln!(
        svg,
        r##"<text x="{middle}" y="23" text-anchor="middle" fill="#8b96a5" font-size="13">{title}</text>"##,
    );
}

fn draw_row(svg: &mut String, screen: &Screen, row: u16, columns: u16) {
    let mut column = 0;
    while column < columns {
        let Some(cell) = screen.cell(row, column) else { break };
        let look = look(cell);
        let (from, mut text) = (column, String::new());
        while let Some(next) = screen.cell(row, column).filter(|c| self::look(c) == look) {
            // A wide character is in the first of its two cells.
            if !next.is_wide_continuation() {
                text.push_str(if next.has_contents() { next.contents() } else { " " });
            }
            column += 1;
        }
        // What was wider than the run began in it.
        column = column.max(from + 1);
        draw_run(svg, &look, row, from, column - from, &text);
    }
}

fn draw_run(svg: &mut String, look: &Look, row: u16, from: u16, cells: u16, text: &str) {
    let y = BAR + GAP + row * ROW;
    if let Some(back) = &look.back {
        let (x, width) = (MARGIN + from * CELL, cells * CELL);
        let _ = writeln!(
            svg,
            r#"<rect x="{x}" y="{y}" width="{width}" height="{ROW}" fill="{back}" shape-rendering="crispEdges"/>"#
        );
    }
    // Blanks at the ends are as wide as a cell, and show only when underlined.
    let (text, from, cells) = if look.underline {
        (text, from, cells)
    } else {
        let blanks = |all: &str, kept: &str| u16::try_from(all.len() - kept.len()).unwrap_or(0);
        let rest = text.trim_start_matches(' ');
        let kept = rest.trim_end_matches(' ');
        let before = blanks(text, rest);
        (kept, from + before, cells - before - blanks(rest, kept))
    };
    if text.is_empty() {
        return;
    }
    let mut style = String::new();
    for (set, attribute) in [
        (look.bold, r#" font-weight="bold""#),
        (look.italic, r#" font-style="italic""#),
        (look.underline, r#" text-decoration="underline""#),
        (look.dim, r#" fill-opacity="0.6""#),
    ] {
        if set {
            style.push_str(attribute);
        }
    }
    let (fore, x, y, width) = (&look.fore, MARGIN + from * CELL, y + BASE, cells * CELL);
    let text = escaped(text);
    let _ = writeln!(
        svg,
        r#"<text xml:space="preserve" x="{x}" y="{y}" textLength="{width}" fill="{fore}"{style}>{text}</text>"#,
    );
}

fn look(cell: &Cell) -> Look {
    let fore = color(cell.fgcolor()).unwrap_or_else(|| PLAIN.to_owned());
    let back = color(cell.bgcolor());
    let (fore, back) = if cell.inverse() {
        (back.unwrap_or_else(|| GROUND.to_owned()), Some(fore))
    } else {
        (fore, back)
    };
    Look {
        fore,
        back,
        bold: cell.bold(),
        dim: cell.dim(),
        italic: cell.italic(),
        underline: cell.underline(),
    }
}

fn color(color: Color) -> Option<String> {
    match color {
        Color::Default => None,
        Color::Idx(index) => Some(indexed(index)),
        Color::Rgb(r, g, b) => Some(format!("#{r:02x}{g:02x}{b:02x}")),
    }
}

/// The colours beyond sixteen are a cube of six steps, then grey.
fn indexed(index: u8) -> String {
    if let Some(color) = COLORS.get(usize::from(index)) {
        return (*color).to_owned();
    }
    let step = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
    match index.checked_sub(232) {
        Some(grey) => format!("#{0:02x}{0:02x}{0:02x}", 8 + 10 * grey),
        None => {
            let n = index - 16;
            format!("#{:02x}{:02x}{:02x}", step(n / 36), step(n / 6 % 6), step(n % 6))
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(bytes: &str) -> Vec<String> {
        let mut parser = vt100::Parser::new(2, 10, 0);
        parser.process(bytes.as_bytes());
        let svg = draw(parser.screen(), "a < b");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
        assert!(svg.contains(">a &lt; b</text>"), "{svg}");
        let cells =
            svg.lines().filter(|line| line.contains("xml:space") || line.contains("crispEdges"));
        cells.map(str::to_owned).collect()
    }

    #[test]
    fn cells_that_look_alike_are_one_text_at_its_place() {
        let [plain, red] = &drawn("\r\n  a b\x1b[1;31m &")[..] else { panic!("two texts") };
        assert!(plain.contains(r#"x="36" y="81" textLength="27""#), "{plain}");
        assert!(plain.contains(&format!(r#"fill="{PLAIN}">a b<"#)), "{plain}");
        assert!(red.contains(r##"x="72" y="81" textLength="9" fill="#f0716f""##), "{red}");
        assert!(red.ends_with(r#"font-weight="bold">&amp;</text>"#), "{red}");
    }

    #[test]
    fn reversed_blanks_are_a_ground_without_a_text() {
        let [ground] = &drawn("\x1b[32;7m   \x1b[m")[..] else { panic!("one ground") };
        assert!(ground.contains(r##"width="27" height="20" fill="#8cc265""##), "{ground}");
    }

    #[test]
    fn a_wide_character_takes_two_cells() {
        let [text] = &drawn("你x")[..] else { panic!("one text") };
        assert!(text.contains(r#"textLength="27""#) && text.contains(">你x<"), "{text}");
    }
}
