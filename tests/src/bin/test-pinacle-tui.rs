//! The client, as its own package builds it.

fn main() -> anyhow::Result<std::process::ExitCode> {
    pinacle_tui::cli::main()
}
