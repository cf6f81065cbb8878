//! What comes from people, pages and programs that mean no good.

mod routing;
mod users;
mod values;
mod web;
