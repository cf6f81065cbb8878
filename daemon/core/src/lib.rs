//! The whole of Pinacle's logic, without input or output.
//!
//! [`State`] is told what happened ([`event::Event`]) and answers with what is
//! to be done ([`effect::Effect`]). It reads no clock, draws no random number
//! and touches no file, socket or thread: this package cannot, for want of
//! dependencies. The daemon around it carries the effects out.
//!
//! Read in this order: [`event`], [`effect`], [`engine`], [`record`], `state`,
//! `handle`, then `request`, `act`, `advance`, `setback`, `complete`, `reconcile` and
//! `observe`.

#![warn(missing_docs)]

mod act;
mod adopt;
mod advance;
mod check;
mod complete;
pub mod effect;
pub mod engine;
pub mod event;
mod exhausted;
mod fall;
mod handle;
mod held;
mod host;
mod load;
pub mod names;
mod observe;
mod operation;
pub mod phase;
mod plan;
pub mod podconfig;
mod reconcile;
mod reconfigure;
pub mod record;
mod request;
mod services;
mod setback;
pub mod settings;
mod spare;
pub mod spec;
mod state;
mod step;
mod unfinished;
mod view;

pub use state::{Changed, State};
pub use step::Step;
pub use view::{config_plan, pod_detail, pod_url};
