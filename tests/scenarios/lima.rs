//! The Lima template has what the daemon expects of a host.

#[test]
fn the_template_is_there_for_both_architectures() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../lima/pinacle.yaml");
    let text = std::fs::read_to_string(path).expect("lima/pinacle.yaml");
    for word in ["aarch64", "x86_64", "docker", "runsc", "--overlay2=none"] {
        assert!(text.contains(word), "no {word} in {path}");
    }
}
