//! The client of `pinacled`: a command line for people and scripts, and a full
//! screen when it is called without a command.
//!
//! Read in this order: [`args`] (what can be asked), [`commands`] (one file for
//! each verb), [`session`] (what a run stands on), [`client`] (the only part
//! that talks to the daemon). [`run`] is all of it, given its streams and its
//! environment from outside.

pub mod alternate;
pub mod app;
pub mod args;
pub mod attach;
pub mod autostart;
pub mod bounded;
pub mod browser;
pub mod cli;
pub mod client;
pub mod cmd;
pub mod commands;
pub mod editing;
pub mod failure;
pub mod follow;
pub mod journal;
pub mod kept;
pub mod keymap;
pub mod lifecycle;
pub mod locate;
pub mod model;
pub mod msg;
pub mod origins;
pub mod output;
pub mod prepare;
pub mod progress;
pub mod recorder;
pub mod sanitize;
pub mod screens;
pub mod session;
pub mod spec_file;
pub mod stdin;
pub mod terminal;
pub mod theme;
pub mod transcript;
pub mod turn;
pub mod update;
pub mod view;
pub mod watch;
pub mod widgets;

use args::{Cli, Global};
use clap::Parser;
use clap::error::ErrorKind as UsageKind;
use failure::Failure;
use output::{Console, Format, Verbosity};
use pinacle_protocol::paths::Paths;
use pinacle_protocol::{ApiError, ErrorKind};
use session::{Session, Surroundings};
use std::ffi::OsString;
use std::path::PathBuf;

/// Runs one command line, its first word the program's name, and returns the
/// exit code. Every error has been shown by then.
pub async fn run(arguments: impl IntoIterator<Item = OsString>, surroundings: Surroundings) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let Surroundings { mut console, env, cwd, interrupt } = surroundings;
    if env.get("NO_COLOR").is_some() {
        console.without_color();
    }
    if env.get("TERM").is_some_and(|name| name == "dumb") {
        console.only_prints();
    }
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&mut console, &arguments, &error),
    };
    configure(&mut console, &cli.global);
    let whole = |path: &PathBuf| cwd.as_ref().map_or(path.clone(), |cwd| cwd.join(path));
    let paths = Paths::resolve(
        cli.global.state_dir.as_ref().map(whole),
        cli.global.socket.as_ref().map(whole),
        |name| env.get(name).map(OsString::from),
    );
    let paths = match paths {
        Ok(paths) => paths,
        Err(error) => {
            let error = ApiError::from_error(ErrorKind::InvalidRequest, &error);
            return end(&mut console, Err(error.into()));
        }
    };
    let raised = interrupt.clone();
    let mut session = Session { console, env, cwd, interrupt, global: cli.global, paths };
    let result = tokio::select! {
        // First, so that a command that has its own last words can say them.
        biased;
        result = commands::dispatch(&mut session, cli.command) => result,
        () = raised.raised() => Err(Failure::interrupted()),
    };
    terminal::restore();
    end(&mut session.console, result)
}

fn configure(console: &mut Console, global: &Global) {
    if global.no_color {
        console.without_color();
    }
    if global.json {
        console.format = Format::Json;
    }
    if global.quiet {
        console.verbosity = Verbosity::Quiet;
    }
}

fn end(console: &mut Console, result: Result<(), Failure>) -> u8 {
    match result {
        Ok(()) => 0,
        Err(failure) => {
            show_failure(console, &failure);
            failure.exit_code()
        }
    }
}

/// Shows a failure, unless it says that everything has been said.
pub fn show_failure(console: &mut Console, failure: &Failure) {
    match failure {
        Failure::Api(error) => {
            let diagnostics = &error.diagnostics;
            console.error(error);
            if !console.is_json() {
                let paint = console.paint_err();
                let text = output::diagnostics::render("pinacle.yaml", "", diagnostics, paint);
                console.write_err(text.as_bytes());
            }
        }
        Failure::Usage(text) => {
            console.error(&ApiError::new(ErrorKind::InvalidRequest, text.clone()));
        }
        Failure::OutputClosed | Failure::Exit(_) => {}
    }
}

/// Shows what clap has to say: help and versions as results, the rest as errors.
fn usage(console: &mut Console, arguments: &[OsString], error: &clap::Error) -> u8 {
    let is_result = matches!(error.kind(), UsageKind::DisplayHelp | UsageKind::DisplayVersion);
    if is_result {
        let text = error.render().to_string();
        let result = console.write(text.as_bytes());
        return end(console, result);
    }
    let json = arguments.iter().take_while(|a| *a != "--").any(|a| a == "--json");
    if json {
        console.format = Format::Json;
        console.error(&usage_error(&error.render().to_string()));
    } else {
        console.write_err(error.render().to_string().as_bytes());
    }
    failure::USAGE
}

/// Returns clap's words as an error: what is wrong up to the first empty line, and
/// its tips.
fn usage_error(text: &str) -> ApiError {
    let words =
        |lines: &mut dyn Iterator<Item = &str>| lines.map(str::trim).collect::<Vec<_>>().join(" ");
    let text = text.trim_start_matches("error: ");
    let message = words(&mut text.lines().take_while(|line| !line.trim().is_empty()));
    let error = ApiError::new(ErrorKind::InvalidRequest, message);
    let tips = words(&mut text.lines().filter_map(|line| line.trim().strip_prefix("tip: ")));
    if tips.is_empty() { error } else { error.hint(tips) }
}
