//! What differs between two texts, by lines.

/// Texts with more lines than this are compared as a whole.
const MOST: usize = 2_000;

/// A line of the comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// In both.
    Same(String),
    /// Only in the first.
    Removed(String),
    /// Only in the second.
    Added(String),
}

/// Compares two texts.
pub fn lines(before: &str, after: &str) -> Vec<Change> {
    let a: Vec<&str> = before.lines().collect();
    let b: Vec<&str> = after.lines().collect();
    if a.len() > MOST || b.len() > MOST {
        let removed = a.iter().map(|l| Change::Removed((*l).to_owned()));
        return removed.chain(b.iter().map(|l| Change::Added((*l).to_owned()))).collect();
    }
    // Length of the longest common part from each pair of lines on.
    let width = b.len() + 1;
    let mut common = vec![0_u16; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i * width + j] = if a[i] == b[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut out = Vec::new();
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            out.push(Change::Same(a[i].to_owned()));
            (i, j) = (i + 1, j + 1);
        } else if j >= b.len()
            || i < a.len() && common[(i + 1) * width + j] >= common[i * width + j + 1]
        {
            out.push(Change::Removed(a[i].to_owned()));
            i += 1;
        } else {
            out.push(Change::Added(b[j].to_owned()));
            j += 1;
        }
    }
    out
}
