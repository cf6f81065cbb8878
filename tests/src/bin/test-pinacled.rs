//! The daemon, built with the feature `testing`: scenarios can have it die at
//! marked places.

fn main() -> std::process::ExitCode {
    pinacle_daemon::cli::main()
}
