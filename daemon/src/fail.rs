//! Places at which a test can have the process die, to see what a restart finds.

/// Marks a place. With the feature `testing` and `name=abort` in the
/// comma-separated `PINACLE_FAILPOINTS`, the process ends here at once, without
/// any destructor; otherwise nothing happens.
#[cfg_attr(not(feature = "testing"), inline(always))]
pub fn point(name: &str) {
    #[cfg(feature = "testing")]
    active::reach(name);
    #[cfg(not(feature = "testing"))]
    let _ = name;
}

#[cfg(feature = "testing")]
mod active {
    use std::sync::OnceLock;

    static ABORT_AT: OnceLock<Vec<String>> = OnceLock::new();

    pub(super) fn reach(name: &str) {
        let names = ABORT_AT
            .get_or_init(|| parse(&std::env::var("PINACLE_FAILPOINTS").unwrap_or_default()));
        if names.iter().any(|n| n == name) {
            std::process::abort();
        }
    }

    pub(super) fn parse(text: &str) -> Vec<String> {
        text.split(',')
            .filter_map(|part| part.trim().strip_suffix("=abort"))
            .map(ToOwned::to_owned)
            .collect()
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    #[test]
    fn only_abort_is_known() {
        assert_eq!(super::active::parse("a=abort, b=error,c=abort,"), ["a", "c"]);
    }

    #[test]
    fn an_unnamed_point_is_passed() {
        super::point("engine.create_container.before");
    }
}
