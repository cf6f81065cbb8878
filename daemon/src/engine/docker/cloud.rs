//! What a cloud's machine offers to whatever runs on it, pods included.
//!
//! Found by what the firmware says of the machine, not by asking the service: a check must
//! not send anything anywhere.

use pinacle_protocol::{CheckResult, CheckStatus};
use std::path::Path;

/// Where the firmware's words are.
const WORDS: [&str; 3] = [
    "/sys/class/dmi/id/sys_vendor",
    "/sys/class/dmi/id/product_name",
    "/sys/class/dmi/id/chassis_asset_tag",
];
/// What the firmware of clouds that have a metadata service says.
const CLOUDS: [(&str, &str); 10] = [
    ("Amazon EC2", "Amazon EC2"),
    ("Google Compute Engine", "Google Cloud"),
    ("7783-7084-3265-9085-8269-3286-77", "Microsoft Azure"),
    ("DigitalOcean", "DigitalOcean"),
    ("Hetzner", "Hetzner Cloud"),
    ("OpenStack", "OpenStack"),
    ("Alibaba Cloud", "Alibaba Cloud"),
    ("OracleCloud", "Oracle Cloud"),
    ("Vultr", "Vultr"),
    ("Scaleway", "Scaleway"),
];
/// Docker consults this chain first and leaves it alone otherwise.
const REMEDY: &str = "keep pods away from it with `sudo iptables -I DOCKER-USER -d 169.254.169.254 -j DROP`, \
                      at every boot";

/// Says whether pods reach a service that may hand out the machine's credentials.
pub(super) fn check() -> CheckResult {
    let words: Vec<String> =
        WORDS.iter().filter_map(|path| std::fs::read_to_string(Path::new(path)).ok()).collect();
    judge(&words)
}

fn judge(words: &[String]) -> CheckResult {
    let is_said = |(word, _): &&(&str, &str)| words.iter().any(|text| text.contains(word));
    let (status, message, remedy) = match CLOUDS.iter().find(is_said) {
        Some((_, cloud)) => (
            CheckStatus::Warning,
            format!(
                "this is a machine of {cloud}; pods can ask its metadata service at 169.254.169.254, \
                 which may hand out credentials"
            ),
            Some(REMEDY.to_owned()),
        ),
        None => (CheckStatus::Ok, "no cloud's metadata service is known here".to_owned(), None),
    };
    CheckResult { check: "metadata".to_owned(), status, message, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_is_known_by_its_firmware_and_a_laptop_is_none() {
        let of = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|w| format!("{w}\n")).collect();
            judge(&words)
        };
        let found = of(&["Amazon EC2", "t3.medium"]);
        assert_eq!(found.status, CheckStatus::Warning);
        assert!(found.message.contains("Amazon EC2") && found.remedy.is_some(), "{found:?}");
        assert_eq!(of(&["Google", "Google Compute Engine"]).status, CheckStatus::Warning);
        for words in [&["LENOVO", "20XW"][..], &["Google", "Eve"], &["QEMU"], &[]] {
            assert_eq!(of(words).status, CheckStatus::Ok, "{words:?}");
        }
    }
}
