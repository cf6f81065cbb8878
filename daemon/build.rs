//! Has the image's build context, which is embedded, looked at again when a file
//! of it is added, changed or removed.

fn main() {
    println!("cargo::rerun-if-changed=../docker");
}
