//! The repository's own rules, as tests that name a file and a line. Sources are
//! read as text, so a rule holds for code that is not compiled here too. Each rule
//! is a function from text to findings and has a test with text that breaks it: a
//! rule that cannot fail is worth nothing.

mod arrows;
mod invariants;
mod layout;
mod lex;
mod lima;
mod places;
mod sizes;
mod source;
mod uses;
mod words;
