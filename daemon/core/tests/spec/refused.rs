//! Files with something wrong: what is said, where, and the remedy.
