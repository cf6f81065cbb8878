//! Carries out what needs no terminal: asks the daemon, reads and writes files.
//! Each ends in a message; none holds up the screen.

use super::reader::Reader;
use super::{feed, local, source};
use crate::autostart;
use crate::client::Client;
use crate::cmd::{Cmd, Creation};
use crate::kept;
use crate::msg::{Msg, Verb};
use crate::origins::Origins;
use crate::session::{self, Environment};
use pinacle_protocol::paths::Paths;
use pinacle_protocol::{
    Accepted, ApiError, ConfigApply, CreatePod, Cursor, ErrorKind, PodAction, PodId, PodRef,
    RequestId,
};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc::Sender;
use tokio::task::{AbortHandle, JoinSet};

/// What effects stand on.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The daemon's socket.
    pub socket: PathBuf,
    /// Where drafts, recordings and origins are kept.
    pub state_dir: PathBuf,
    /// The directory we were started in.
    pub cwd: Option<PathBuf>,
    /// Our environment.
    pub env: Environment,
}

/// Carries commands out until dropped.
pub struct Effects {
    /// What they stand on.
    pub facts: Facts,
    client: Arc<Client>,
    messages: Sender<Msg>,
    tasks: JoinSet<()>,
    following: Option<AbortHandle>,
}

impl Effects {
    /// Begins with a connection, and follows the daemon's events after a cursor.
    pub fn new(
        facts: Facts,
        client: Arc<Client>,
        messages: Sender<Msg>,
        after: Option<Cursor>,
    ) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(feed::events(facts.socket.clone(), after, messages.clone()));
        Self { facts, client, messages, tasks, following: None }
    }

    /// Begins to carry a command out.
    pub fn run(&mut self, cmd: Cmd) {
        // What has ended is forgotten.
        while self.tasks.try_join_next().is_some() {}
        match cmd {
            Cmd::Unfollow => self.unfollow(),
            // At once and in order: what was typed is not lost when the program is left next.
            Cmd::KeepDraft(name, text) => {
                if let Err(why) = local::keep_draft(&self.facts, &name, &text) {
                    self.say(Msg::Said(Err(why)));
                }
            }
            Cmd::DropDraft(name) => local::drop_draft(&self.facts, &name),
            Cmd::Follow { pod, number, infra } => {
                self.unfollow();
                let (socket, messages) = (self.facts.socket.clone(), self.messages.clone());
                let followed = feed::Followed { pod, number, infra };
                let following = feed::journal(socket, followed, messages);
                self.following = Some(self.tasks.spawn(following));
            }
            cmd => {
                let (client, facts) = (self.client.clone(), self.facts.clone());
                let messages = self.messages.clone();
                self.tasks.spawn(async move {
                    if let Some(msg) = answer(&client, &facts, cmd).await {
                        // Without a screen there is nobody to be told.
                        messages.send(msg).await.unwrap_or_default();
                    }
                });
            }
        }
    }

    fn say(&mut self, msg: Msg) {
        let messages = self.messages.clone();
        self.tasks.spawn(async move {
            // Without a screen there is nobody to be told.
            messages.send(msg).await.unwrap_or_default();
        });
    }

    fn unfollow(&mut self) {
        if let Some(following) = self.following.take() {
            following.abort();
        }
    }
}

/// Reads what is to be shown; gives other commands back.
async fn read(client: &Client, cmd: Cmd) -> Result<Msg, Cmd> {
    Ok(match cmd {
        Cmd::Look(pod) => {
            let detail = client.pod(reference(&pod)).await;
            Msg::Looked(pod, detail.map(Box::new))
        }
        Cmd::Processes(pod) => {
            let processes = client.processes(reference(&pod)).await;
            Msg::Processes(pod, processes)
        }
        Cmd::Printed { pod, process, lines } => {
            let text = client.process_log(reference(&pod), process.clone(), lines).await;
            Msg::Printed(pod, process, text)
        }
        Cmd::Read { pod, number, missing, infra } => {
            let reader = Reader::new(client, &pod, infra);
            Msg::Page(number, missing, reader.part(missing).await)
        }
        other => return Err(other),
    })
}

async fn answer(client: &Client, facts: &Facts, cmd: Cmd) -> Option<Msg> {
    let cmd = match read(client, cmd).await {
        Ok(msg) => return Some(msg),
        Err(other) => other,
    };
    Some(match cmd {
        Cmd::Usage(pods) => {
            let pods = pods.iter().map(reference).collect();
            Msg::Usage(client.usage(pods).await)
        }
        Cmd::Detail(pod) => {
            let detail = client.pod(reference(&pod)).await;
            Msg::Detail(pod, detail.map(Box::new))
        }
        Cmd::Act(verb, pod) => {
            let accepted = act(client, facts, verb, &pod).await;
            Msg::Acted(verb, pod, accepted)
        }
        Cmd::Check(serial, text) => Msg::Checked(serial, client.config_check(text).await),
        Cmd::Plan(serial, pod, text) => {
            Msg::Planned(serial, client.config_plan(reference(&pod), text).await)
        }
        Cmd::Apply { pod, text, expected, accept_loss } => {
            let request = |request_id| ConfigApply {
                request_id,
                pod: reference(&pod),
                expected,
                spec_text: text,
                accept_loss,
            };
            Msg::Applied(match request_id() {
                Ok(id) => client.config_apply(request(id)).await,
                Err(error) => Err(error),
            })
        }
        Cmd::Source(path) => Msg::Source(source::read(facts, path).await),
        Cmd::Complete(path) => {
            let found = source::complete(facts, path.clone()).await;
            Msg::Completed(path, found)
        }
        Cmd::Create(creation) => Msg::Created(create(client, facts, *creation).await),
        Cmd::CheckHost { host, fresh } => Msg::HostChecked(client.host_check(host, fresh).await),
        Cmd::StartDaemon => Msg::Said(start_daemon(facts).await),
        Cmd::OpenUrl(pod, url) => Msg::Said(local::open(client, facts, &pod, &url).await),
        Cmd::Save { pod, path, infra } => {
            Msg::Said(local::save(client, facts, &pod, &path, infra).await)
        }
        Cmd::FindDraft(name) => {
            let text = local::find_draft(facts, &name);
            Msg::Draft(name, text)
        }
        // Carried out where the terminal is.
        _ => return None,
    })
}

fn reference(pod: &PodId) -> PodRef {
    PodRef(pod.to_string())
}

fn request_id() -> Result<RequestId, ApiError> {
    session::request_id()
        .map_err(|_| ApiError::new(ErrorKind::Internal, "the system gives no random bytes"))
}

async fn act(
    client: &Client,
    facts: &Facts,
    verb: Verb,
    pod: &PodId,
) -> Result<Accepted, ApiError> {
    let request = PodAction { request_id: request_id()?, pod: reference(pod) };
    match verb {
        Verb::Start => client.start(request).await,
        Verb::Stop => client.stop(request).await,
        Verb::Restart => client.restart(request).await,
        Verb::Delete => {
            // Afterwards nobody knows any more what it was called.
            let slug = client.pod(reference(pod)).await.ok().map(|detail| detail.pod.slug);
            let accepted = client.delete(request).await?;
            Origins::new(&facts.state_dir).forget(pod);
            if let Some(slug) = slug {
                kept::forget(&facts.state_dir, pod, slug.as_str());
            }
            Ok(accepted)
        }
    }
}

async fn start_daemon(facts: &Facts) -> Result<String, String> {
    let paths = Paths { state_dir: facts.state_dir.clone(), socket: facts.socket.clone() };
    let started = autostart::start(&facts.env, &paths).await;
    started.map(|_| "the daemon runs".to_owned()).map_err(|error| error.chain())
}

async fn create(client: &Client, facts: &Facts, creation: Creation) -> Result<Accepted, ApiError> {
    let request = CreatePod {
        request_id: request_id()?,
        spec_text: creation.text,
        default_name: creation.default_name,
        host: None,
        isolation: None,
        source_dir: creation.source_dir,
    };
    let accepted = client.create(request).await?;
    if let Some(dir) = creation.dir {
        Origins::new(&facts.state_dir).remember(&accepted.pod, std::path::Path::new(&dir));
    }
    Ok(accepted)
}
