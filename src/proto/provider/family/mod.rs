//! What is known of model families: how they fill in the middle, where they stop, and what they are called.
//!
//! `families.json` is the table; families of one's own have the same form.

mod blocks;
mod clean;
mod fim;
mod parameters;
mod table;

pub use blocks::{Block, code_blocks, prompt_of};
pub use clean::Cleaner;
pub use fim::{Fim, FimError, FimRequest, NearbyFile};
pub use parameters::{ServerKind, parameter_name};
pub use table::{Families, Family, FamilyError, Order, Tokens};
