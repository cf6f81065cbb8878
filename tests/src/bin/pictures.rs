//! Makes the pictures of the README: the full screen as it is, with a daemon and pods of
//! their own on the engine of this machine, drawn from what a terminal would show.
//!
//! It needs gVisor and the image, as scenarios do, and removes all it made.

use pinacle_tests::daemon::{Daemon, Programs};
use pinacle_tests::svg;
use pinacle_tests::terminal::{Terminal, keys};
use std::path::Path;

/// Where the pictures go, from the repository's top.
const OUT: &str = "tui/pictures";
/// Columns of the terminals.
const COLUMNS: u16 = 116;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// The project that is looked at closely. An engine in a container cannot give the
/// open files of a tier, and its journal would say so.
const SHOP: &str = "name: shop
tier: dev.medium
resources:
  nofile: 16384
install: npm install && npm run -s build
hooks:
  postStart: npm run -s migrate
processes:
  - name: web
    startCommand: npm run dev
    url: http://localhost:5173
    healthCheck: curl -fsS localhost:5173
env:
  NODE_ENV: development
";

/// Its other files.
const SHOP_FILES: [(&str, &str); 7] = [
    (
        "package.json",
        r#"{"name": "shop", "version": "1.4.0", "private": true,
  "workspaces": ["cart", "catalogue"],
  "scripts": {"build": "node build.js", "dev": "node dev.js", "migrate": "node migrate.js"}}"#,
    ),
    (".npmrc", "audit=false\nfund=false\nupdate-notifier=false\n"),
    ("cart/package.json", r#"{"name": "cart", "version": "1.0.0"}"#),
    ("catalogue/package.json", r#"{"name": "catalogue", "version": "1.0.0"}"#),
    (
        "build.js",
        r"const say = text => process.stdout.write(text);
for (const n of [20, 55, 80, 100]) say(`\rbundling ${n}%`);
say('\n\x1b[32m✓\x1b[0m cart       \x1b[2m 4 modules\x1b[0m\n');
say('\x1b[32m✓\x1b[0m catalogue  \x1b[2m12 modules\x1b[0m\n');
say('\x1b[33mwarning\x1b[0m catalogue/prices.js is imported but never used\n');
",
    ),
    (
        "dev.js",
        r"require('http').createServer((_, answer) => answer.end('shop\n')).listen(5173);
setInterval(() => { const end = Date.now() + 12; while (Date.now() < end); }, 100);
",
    ),
    ("migrate.js", r"console.log('database is at revision \x1b[1m42\x1b[0m, nothing to do');"),
];

/// A project of one small server.
const SERVER: &str = "isolation: runc
processes:
  - name: server
    startCommand: exec python3 -c \"$SERVE\"
    url: http://localhost:8000
env:
  SERVE: |
    import time
    while True:
        end = time.monotonic() + 0.004
        while time.monotonic() < end: pass
        time.sleep(0.1)
";

const BROKEN: &str = "isolation: runc
tier: dev.large
install: pip install --no-index torch==2.9.1
";

/// One whose installation takes longer than the picture.
const SLOW: &str = "isolation: runc
install: sleep 600
";

fn main() -> anyhow::Result<()> {
    std::fs::create_dir_all(OUT)?;
    let mut daemon = Daemon::prepare(programs()?, "");
    daemon.set_date_offset(0);
    daemon.spawn();
    make_pods(&daemon)?;
    draw_pods(&daemon)?;
    draw_shop(&daemon)
}

/// The programs that were built beside this one.
fn programs() -> anyhow::Result<Programs> {
    let own = std::env::current_exe()?;
    let beside = |name: &str| -> anyhow::Result<&'static str> {
        let path = own.with_file_name(name);
        anyhow::ensure!(path.exists(), "{} is not built", path.display());
        Ok(Box::leak(path.display().to_string().into_boxed_str()))
    };
    Ok(Programs { daemon: beside("test-pinacled")?, client: beside("test-pinacle-tui")? })
}

/// Makes pods of every kind, of different ages.
fn make_pods(daemon: &Daemon) -> anyhow::Result<()> {
    daemon.set_date_offset(-75 * HOUR);
    daemon.create("api", &format!("name: api\n{SERVER}"));
    daemon.set_date_offset(-50 * HOUR);
    daemon.create("docs", &format!("name: docs\n{SERVER}"));
    daemon.set_date_offset(-26 * HOUR);
    daemon.ok(&["stop", "docs"]);
    daemon.set_date_offset(-5 * HOUR);
    daemon.create("blog", &format!("name: blog\n{SERVER}"));
    daemon.set_date_offset(-42 * MINUTE);
    let shop = daemon.project("shop", SHOP);
    for (name, text) in SHOP_FILES {
        let path = shop.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(&shop))?;
        std::fs::write(path, text)?;
    }
    daemon.create("shop", SHOP);
    daemon.set_date_offset(-9 * MINUTE);
    let train = daemon.project("train", &format!("name: train\n{BROKEN}"));
    let ran = daemon.run(&["create", &train.display().to_string()]);
    anyhow::ensure!(ran.code != 0, "it was to fail: {ran:?}");
    daemon.set_date_offset(0);
    let lab = daemon.project("lab", &format!("name: lab\n{SLOW}"));
    daemon.ok(&["create", &lab.display().to_string(), "--no-wait"]);
    Ok(())
}

/// Starts the full screen with so many rows.
fn full_screen(daemon: &Daemon, rows: u16) -> Terminal {
    let mut command = daemon.client();
    command.env("HOME", daemon.dir()).env_remove("XDG_CONFIG_HOME").env_remove("NO_COLOR");
    Terminal::start_sized(&command, COLUMNS, rows)
}

/// Draws the list, with what is said of a pod that failed.
fn draw_pods(daemon: &Daemon) -> anyhow::Result<()> {
    let mut terminal = full_screen(daemon, 15);
    terminal.shows("train");
    terminal.press(keys::END);
    terminal.until("what pods use", |screen| screen.matches("% ").count() >= 3);
    keep(&terminal, "pods")?;
    leave(terminal);
    Ok(())
}

/// Draws the journal of a pod, then what a change of its spec would do.
fn draw_shop(daemon: &Daemon) -> anyhow::Result<()> {
    let mut terminal = full_screen(daemon, 25);
    terminal.shows("train");
    terminal.press("/shop\r");
    terminal.shows("only \"shop\"");
    terminal.press(keys::ENTER);
    terminal.shows("nothing to do");
    terminal.loses("reading ...");
    keep(&terminal, "journal")?;
    terminal.press("e");
    terminal.shows("Spec of shop");
    terminal.press(&format!("{}{}{}large", keys::DOWN, keys::END, "\x7f".repeat("medium".len())));
    terminal.press(keys::CTRL_T);
    terminal.shows("+ dev.large");
    keep(&terminal, "editor")?;
    terminal.press(keys::ESC);
    terminal.loses("Spec of shop");
    leave(terminal);
    Ok(())
}

fn leave(mut terminal: Terminal) {
    terminal.press("q");
    terminal.ends(0);
}

fn keep(terminal: &Terminal, name: &str) -> anyhow::Result<()> {
    let path = Path::new(OUT).join(format!("{name}.svg"));
    std::fs::write(&path, terminal.with_screen(|screen| svg::draw(screen, "pinacle-tui")))?;
    println!("{}", path.display());
    Ok(())
}
