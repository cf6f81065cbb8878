//! The words a spec chooses from: tiers, services, templates.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::model::Limits;

/// A word that names no tier, service or template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` names no {kind}")]
pub struct UnknownId {
    /// What was looked for: `tier`, `service` or `template`.
    pub kind: &'static str,
    /// The word as given.
    pub word: String,
}

macro_rules! catalogue {
    ($(#[$doc:meta])* $name:ident, $kind:literal { $($(#[$item_doc:meta])* $item:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$item_doc])* $item,)+ }

        impl $name {
            /// Returns all of them, in the order of the list shown to users.
            pub fn all() -> &'static [Self] {
                &[$(Self::$item,)+]
            }

            /// Returns the id as it stands in a spec.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$item => $text,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownId;

            fn from_str(word: &str) -> Result<Self, UnknownId> {
                match word {
                    $($text => Ok(Self::$item),)+
                    _ => Err(UnknownId { kind: $kind, word: word.to_owned() }),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

catalogue! {
    /// How much of a host a pod gets when `resources` says nothing else.
    #[derive(Default)]
    Tier, "tier" {
        /// Half a CPU, 1 GiB of memory, 10 GiB of storage.
        #[default]
        Small = "dev.small",
        /// 1 CPU, 2 GiB of memory, 20 GiB of storage.
        Medium = "dev.medium",
        /// 2 CPUs, 4 GiB of memory, 40 GiB of storage.
        Large = "dev.large",
        /// 4 CPUs, 8 GiB of memory, 80 GiB of storage.
        Xlarge = "dev.xlarge",
    }
}

impl Tier {
    /// Returns the limits of a pod of this tier without overrides.
    pub fn limits(self) -> Limits {
        let (cpu_milli, gib, storage_gib, pids) = match self {
            Self::Small => (500, 1, 10, 512),
            Self::Medium => (1000, 2, 20, 1024),
            Self::Large => (2000, 4, 40, 2048),
            Self::Xlarge => (4000, 8, 80, 4096),
        };
        Limits { cpu_milli, memory_mib: gib * 1024, storage_gib, pids, nofile: 65536 }
    }
}

catalogue! {
    /// A program that comes ready-made with the pod.
    ServiceId, "service" {
        /// Amp, a coding assistant in a terminal.
        AmpCode = "amp-code",
        /// Claude Code, a coding assistant in a terminal.
        ClaudeCode = "claude-code",
        /// VS Code in the browser.
        CodeServer = "code-server",
        /// Cursor's coding assistant in a terminal.
        CursorCli = "cursor-cli",
        /// Gemini's coding assistant in a terminal.
        GeminiCli = "gemini-cli",
        /// JupyterLab.
        Jupyter = "jupyter",
        /// Codex, a coding assistant in a terminal.
        OpenaiCodex = "openai-codex",
        /// PostgreSQL with a web page to look into it.
        Postgres = "postgres",
        /// Qwen Code, a coding assistant in a terminal.
        QwenCode = "qwen-code",
        /// Redis.
        Redis = "redis",
        /// A kanban board that hands cards to the assistant.
        VibeKanban = "vibe-kanban",
        /// A shell in the browser.
        WebTerminal = "web-terminal",
    }
}

impl ServiceId {
    /// Returns the ports it listens on inside the pod; the first is the one to open in a browser.
    pub fn ports(self) -> &'static [u16] {
        match self {
            Self::CodeServer => &[8726],
            Self::VibeKanban => &[5262],
            Self::WebTerminal => &[7681],
            Self::Postgres => &[7493, 5432],
            Self::Redis => &[6379],
            Self::Jupyter => &[8888],
            Self::AmpCode
            | Self::ClaudeCode
            | Self::CursorCli
            | Self::GeminiCli
            | Self::OpenaiCodex
            | Self::QwenCode => &[2528],
        }
    }

    /// Returns whether it is a coding assistant. They share one port, so a pod has at most one.
    pub fn is_assistant(self) -> bool {
        self.ports() == [2528]
    }

    /// Returns whether whoever reaches its page can run commands in the pod.
    pub fn gives_shell(self) -> bool {
        self != Self::Redis
    }

    /// Returns whether this release starts it. The others may stand in a spec and are skipped.
    pub fn is_available(self) -> bool {
        matches!(self, Self::WebTerminal)
    }

    /// Returns the name for people, as on a tab.
    pub fn title(self) -> &'static str {
        match self {
            Self::AmpCode => "Amp",
            Self::ClaudeCode => "Claude Code",
            Self::CodeServer => "VS Code",
            Self::CursorCli => "Cursor",
            Self::GeminiCli => "Gemini",
            Self::Jupyter => "Jupyter",
            Self::OpenaiCodex => "Codex",
            Self::Postgres => "Postgres",
            Self::QwenCode => "Qwen",
            Self::Redis => "Redis",
            Self::VibeKanban => "Kanban",
            Self::WebTerminal => "Terminal",
        }
    }
}

catalogue! {
    /// A starting point for a project.
    TemplateId, "template" {
        /// Agents with Agno and its web page.
        Agno = "agno",
        /// Agents with Mastra.
        MastraAi = "mastra-ai",
        /// The n8n automation server.
        N8n = "n8n",
        /// A Next.js application with a database.
        Nextjs = "nextjs",
        /// A chatbot on Next.js.
        NextjsChatbot = "nextjs-chatbot",
        /// An empty Node.js project.
        NodejsBlank = "nodejs-blank",
        /// An empty Python project.
        PythonBlank = "python-blank",
        /// React on Vite.
        Vite = "vite",
    }
}

impl TemplateId {
    /// Returns whether this release applies it. Until then a spec may name it to no effect.
    pub fn is_available(self) -> bool {
        false
    }
}
