//! `pinacle-tui`. Everything is in the library, so that tests can build the same program.

fn main() -> anyhow::Result<std::process::ExitCode> {
    pinacle_tui::cli::main()
}
