//! What was used, what it may cost, and when to say so.

mod day;
mod ledger;

pub use day::{Period, period_of};
pub use ledger::{Alert, Budget, BudgetConfig, Ceiling, MAX_DAYS, Measure, Spent, estimate_aborted};
