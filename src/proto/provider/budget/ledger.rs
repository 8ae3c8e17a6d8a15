use std::collections::VecDeque;

use super::day::{Period, period_of};
use crate::proto::json::{Cursor, Object, field, is_whole};
use crate::proto::provider::answer::Usage;
use crate::proto::provider::sort::sort_by_key;

/// What is counted. Costs are in millionths of a US dollar: sums of fractions stay exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Requests.
    pub requests: u64,
    /// Tokens of both ways.
    pub tokens: u64,
    /// Of these, tokens that were estimated, because the server told none.
    pub estimated: u64,
    /// Millionths of a US dollar.
    pub cost: u64,
}

/// One of the things that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Requests.
    Requests,
    /// Tokens.
    Tokens,
    /// Cost.
    Cost,
}

/// A limit of one measure. 0 for no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ceiling {
    /// Requests.
    pub requests: u64,
    /// Tokens.
    pub tokens: u64,
    /// Millionths of a US dollar.
    pub cost: u64,
}

/// Budgets and when to tell about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetConfig {
    /// Of a day.
    pub day: Ceiling,
    /// Of a month.
    pub month: Ceiling,
    /// Parts of a budget, in percent, that are told when they are reached. At most 16 are used.
    pub thresholds: Vec<u8>,
    /// A day with so many times the tokens of a usual one is told of.
    pub unusual: u64,
    /// Minutes that the days are ahead of UTC.
    pub offset: i32,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        BudgetConfig {
            day: Ceiling::default(),
            month: Ceiling::default(),
            thresholds: vec![50, 80, 100],
            unusual: 5,
            offset: 0,
        }
    }
}

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alert {
    /// A part of a budget is used.
    Threshold {
        /// Of which measure.
        measure: Measure,
        /// Of the month; else of the day.
        monthly: bool,
        /// The part, in percent.
        percent: u8,
        /// How much is used.
        used: u64,
        /// The budget.
        limit: u64,
    },
    /// Today is unlike the days before.
    Unusual {
        /// Tokens of today.
        tokens: u64,
        /// Tokens of a usual day: the median of the last ones with any.
        usual: u64,
    },
}

/// Days that are remembered, to know what is usual.
pub const MAX_DAYS: usize = 30;
/// So many days are needed to call something usual.
const MIN_DAYS: usize = 5;
/// Below so many tokens a day is not unusual.
const MIN_UNUSUAL: u64 = 10_000;
const MAX_THRESHOLDS: usize = 16;
/// Alerts that wait to be taken. All that one day can say fit.
const MAX_ALERTS: usize = 128;

/// Counts usage by day and month. `wall` is the time since 1970.
#[derive(Debug)]
pub struct Budget {
    config: BudgetConfig,
    period: Period,
    day: Spent,
    month: Spent,
    days: VecDeque<u64>,
    unusual_told: bool,
    alerts: VecDeque<Alert>,
}

impl Budget {
    /// Nothing is used yet.
    pub fn new(mut config: BudgetConfig) -> Self {
        config.thresholds.retain(|percent| *percent > 0);
        sort_by_key(&mut config.thresholds, |percent| u64::from(*percent));
        config.thresholds.dedup();
        config.thresholds.truncate(MAX_THRESHOLDS);
        Budget {
            config,
            period: Period::default(),
            day: Spent::default(),
            month: Spent::default(),
            days: VecDeque::new(),
            unusual_told: false,
            alerts: VecDeque::new(),
        }
    }

    /// Whether one more request may go. The error is the time from which it may.
    pub fn check(&mut self, wall: u64) -> Result<(), u64> {
        self.turn(wall);
        let full = |spent: &Spent, limit: &Ceiling| {
            [
                (spent.requests, limit.requests),
                (spent.tokens, limit.tokens),
                (spent.cost, limit.cost),
            ]
            .iter()
            .any(|(used, limit)| *limit > 0 && used >= limit)
        };
        if full(&self.month, &self.config.month) {
            Err(self.period.month_ends)
        } else if full(&self.day, &self.config.day) {
            Err(self.period.day_ends)
        } else {
            Ok(())
        }
    }

    /// A request was answered, or aborted ([`estimate_aborted`]).
    pub fn handle_usage(&mut self, usage: &Usage, wall: u64) {
        self.turn(wall);
        let cost = usage.cost.map_or(0, |dollars| (dollars * 1e6).round().max(0.0) as u64);
        let before = (self.day, self.month);
        for spent in [&mut self.day, &mut self.month] {
            spent.requests = spent.requests.saturating_add(1);
            spent.tokens = spent.tokens.saturating_add(usage.total);
            spent.cost = spent.cost.saturating_add(cost);
            if usage.estimated {
                spent.estimated = spent.estimated.saturating_add(usage.total);
            }
        }
        self.alert(false, before.0);
        self.alert(true, before.1);
        self.look_for_unusual();
    }

    /// The next thing to tell.
    pub fn poll_output(&mut self) -> Option<Alert> {
        self.alerts.pop_front()
    }

    /// What was used on this day and in this month.
    pub fn spent(&mut self, wall: u64) -> (Spent, Spent) {
        self.turn(wall);
        (self.day, self.month)
    }

    /// What is to be kept over a restart, as JSON.
    pub fn snapshot(&mut self, wall: u64) -> String {
        self.turn(wall);
        let days: Vec<String> = self.days.iter().map(u64::to_string).collect();
        let mut json = Object::new();
        json.number("version", 1);
        json.number("dayNumber", signed(self.period.day));
        json.number("monthNumber", signed(self.period.month));
        json.raw("day", &written(&self.day)).raw("month", &written(&self.month));
        json.raw("days", &["[", &days.join(","), "]"].concat());
        json.raw("unusualTold", if self.unusual_told { "true" } else { "false" });
        json.end()
    }

    /// Takes up a snapshot: what it counted of this day and this month is added to what was counted since. False: it is
    /// none, and nothing changed.
    pub fn restore(&mut self, json: &[u8], wall: u64) -> bool {
        let number = |json: &[u8], name: &str| {
            let number = Cursor::new(field(json, name)?).maybe_integer().ok().flatten()?;
            u64::try_from(number).ok()
        };
        let spent = |name: &str| {
            let json = field(json, name)?;
            Some(Spent {
                requests: number(json, "requests")?,
                tokens: number(json, "tokens")?,
                estimated: number(json, "estimated")?,
                cost: number(json, "cost")?,
            })
        };
        let mut days = Vec::new();
        let list = field(json, "days").unwrap_or_default();
        let listed = Cursor::new(list).array(&mut |day| {
            days.extend(day.maybe_integer()?.and_then(|day| u64::try_from(day).ok()));
            Ok(())
        });
        let whole = is_whole(json) && number(json, "version") == Some(1) && listed.is_ok();
        let numbers = number(json, "dayNumber").zip(number(json, "monthNumber"));
        let (true, Some((day, month)), Some(of_day), Some(of_month)) = (whole, numbers, spent("day"), spent("month"))
        else {
            return false;
        };
        self.turn(wall);
        // A snapshot of a later day was made on a clock that is ahead: it counts for today.
        if day >= self.period.day {
            add(&mut self.day, &of_day);
            self.unusual_told |= field(json, "unusualTold") == Some(b"true");
        } else if of_day.tokens > 0 {
            days.push(of_day.tokens);
        }
        if month >= self.period.month {
            add(&mut self.month, &of_month);
        }
        let known = std::mem::take(&mut self.days);
        let skip = (days.len() + known.len()).saturating_sub(MAX_DAYS);
        self.days = days.into_iter().chain(known).skip(skip).collect();
        true
    }

    fn turn(&mut self, wall: u64) {
        let period = period_of(wall, self.config.offset);
        // A clock that is set back opens no budget again.
        if period.day <= self.period.day {
            return;
        }
        if self.day.tokens > 0 {
            if self.days.len() >= MAX_DAYS {
                self.days.pop_front();
            }
            self.days.push_back(self.day.tokens);
        }
        self.day = Spent::default();
        self.unusual_told = false;
        if period.month > self.period.month {
            self.month = Spent::default();
        }
        self.period = period;
    }

    fn alert(&mut self, monthly: bool, before: Spent) {
        let (now, limit) = if monthly {
            (self.month, self.config.month)
        } else {
            (self.day, self.config.day)
        };
        let measures = [
            (Measure::Requests, before.requests, now.requests, limit.requests),
            (Measure::Tokens, before.tokens, now.tokens, limit.tokens),
            (Measure::Cost, before.cost, now.cost, limit.cost),
        ];
        for (measure, before, used, limit) in measures {
            // Of several that are reached at once, the last says all.
            let reached = |percent: &&u8| {
                let at = (u128::from(limit) * u128::from(**percent)).div_ceil(100);
                limit > 0 && u128::from(before) < at && u128::from(used) >= at
            };
            if let Some(percent) = self.config.thresholds.iter().rev().find(reached).copied() {
                self.tell(Alert::Threshold {
                    measure,
                    monthly,
                    percent,
                    used,
                    limit,
                });
            }
        }
    }

    fn look_for_unusual(&mut self) {
        if self.unusual_told || self.days.len() < MIN_DAYS {
            return;
        }
        let mut days: Vec<u64> = self.days.iter().copied().collect();
        sort_by_key(&mut days, |tokens| *tokens);
        let usual = days[days.len() / 2];
        let tokens = self.day.tokens;
        if tokens >= MIN_UNUSUAL && tokens > usual.saturating_mul(self.config.unusual) {
            self.unusual_told = true;
            self.tell(Alert::Unusual { tokens, usual });
        }
    }

    fn tell(&mut self, alert: Alert) {
        if self.alerts.len() >= MAX_ALERTS {
            self.alerts.pop_front();
        }
        self.alerts.push_back(alert);
    }
}

fn add(to: &mut Spent, from: &Spent) {
    to.requests = to.requests.saturating_add(from.requests);
    to.tokens = to.tokens.saturating_add(from.tokens);
    to.estimated = to.estimated.saturating_add(from.estimated);
    to.cost = to.cost.saturating_add(from.cost);
}

fn written(spent: &Spent) -> String {
    let mut json = Object::new();
    json.number("requests", signed(spent.requests));
    json.number("tokens", signed(spent.tokens));
    json.number("estimated", signed(spent.estimated));
    json.number("cost", signed(spent.cost));
    json.end()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The usage of an answer that was aborted: no server tells it. Marked as estimated.
pub fn estimate_aborted(prompt: u64, completion: u64, cost: Option<f64>) -> Usage {
    Usage {
        prompt,
        completion,
        total: prompt.saturating_add(completion),
        cost,
        estimated: true,
        ..Usage::default()
    }
}
