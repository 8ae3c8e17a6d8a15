//! Budgets by day and month, and what is told of them.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use opencode_session::proto::provider::answer::Usage;
use opencode_session::proto::provider::budget::{
    Alert, Budget, BudgetConfig, Ceiling, MAX_DAYS, Measure, estimate_aborted, period_of,
};
use opencode_session::proto::retry::moment;
use opencode_session::proto::rng::Rng;

const DAY: u64 = 86_400_000;

fn at(date: &str) -> u64 {
    moment(date, 0).unwrap()
}

fn used(tokens: u64, cost: f64) -> Usage {
    Usage {
        prompt: tokens,
        total: tokens,
        cost: Some(cost),
        ..Usage::default()
    }
}

fn alerts(budget: &mut Budget) -> Vec<Alert> {
    std::iter::from_fn(|| budget.poll_output()).collect()
}

#[test]
fn days_and_months_end_where_calendars_say() {
    for (date, day_ends, month_ends) in [
        ("2026-11-27T20:00:00Z", "2026-11-28T00:00:00Z", "2026-12-01T00:00:00Z"),
        ("2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2028-02-28T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"),
        ("2027-02-28T00:00:00Z", "2027-03-01T00:00:00Z", "2027-03-01T00:00:00Z"),
        ("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z", "1970-02-01T00:00:00Z"),
    ] {
        let period = period_of(at(date), 0);
        assert_eq!(
            (period.day_ends, period.month_ends),
            (at(day_ends), at(month_ends)),
            "{date}"
        );
    }
    // Two hours ahead of UTC it is tomorrow already.
    let period = period_of(at("2026-11-30T22:30:00Z"), 120);
    assert_eq!(period.day_ends, at("2026-12-01T22:00:00Z"));
    assert_eq!(period.month_ends, at("2026-12-31T22:00:00Z"));
    assert_eq!(period.month, period_of(at("2026-12-15T00:00:00Z"), 0).month);
    // Each day of 400 years: months follow each other, and end as they begin.
    let mut before = period_of(0, 0);
    for day in 1..146_097 {
        let period = period_of(day * DAY, 0);
        let turned = period.month != before.month;
        assert!(period.month == before.month + u64::from(turned));
        assert_eq!(turned, before.month_ends == day * DAY);
        before = period;
    }
    let _ = period_of(u64::MAX, 1_440);
    let _ = period_of(0, -1_440);
}

#[test]
fn a_budget_is_full_until_its_day_or_month_ends() {
    let now = at("2026-11-27T20:00:00Z");
    let mut budget = Budget::new(BudgetConfig {
        day: Ceiling {
            tokens: 1_000,
            ..Ceiling::default()
        },
        month: Ceiling {
            cost: 2_000_000,
            ..Ceiling::default()
        },
        ..BudgetConfig::default()
    });
    assert_eq!(budget.check(now), Ok(()));
    budget.handle_usage(&used(1_000, 0.5), now);
    assert_eq!(budget.check(now), Err(at("2026-11-28T00:00:00Z")));
    // Set back, the clock opens nothing.
    assert!(budget.check(now - 3 * DAY).is_err());
    assert_eq!(budget.check(now + DAY), Ok(()));
    budget.handle_usage(&used(1, 1.5), now + DAY);
    assert_eq!(budget.check(now + DAY), Err(at("2026-12-01T00:00:00Z")));
    let (day, month) = budget.spent(now + DAY);
    assert_eq!(
        (day.tokens, month.tokens, month.requests, month.cost),
        (1, 1_001, 2, 2_000_000)
    );
    assert_eq!(budget.check(at("2026-12-01T00:00:00Z")), Ok(()));
    assert_eq!(budget.spent(at("2026-12-01T00:00:00Z")).1.cost, 0);
}

#[test]
fn thresholds_are_told_once_each() {
    let now = at("2026-11-27T20:00:00Z");
    let mut budget = Budget::new(BudgetConfig {
        day: Ceiling {
            requests: 10,
            ..Ceiling::default()
        },
        thresholds: vec![100, 50, 0, 50],
        ..BudgetConfig::default()
    });
    let mut told = Vec::new();
    for n in 1..=12 {
        budget.handle_usage(&used(1, 0.0), now);
        for alert in alerts(&mut budget) {
            let Alert::Threshold {
                measure: Measure::Requests,
                monthly: false,
                percent,
                used,
                limit: 10,
            } = alert
            else {
                panic!("{alert:?}")
            };
            assert_eq!(used, n);
            told.push((n, percent));
        }
    }
    assert_eq!(told, [(5, 50), (10, 100)]);
    budget.handle_usage(&used(1, 0.0), now + DAY);
    assert_eq!(alerts(&mut budget), []);

    // Several at once: the last.
    let mut budget = Budget::new(BudgetConfig {
        month: Ceiling {
            tokens: 100,
            ..Ceiling::default()
        },
        ..BudgetConfig::default()
    });
    budget.handle_usage(&used(90, 0.0), now);
    let alert = Alert::Threshold {
        measure: Measure::Tokens,
        monthly: true,
        percent: 80,
        used: 90,
        limit: 100,
    };
    assert_eq!(alerts(&mut budget), [alert]);
}

#[test]
fn an_unusual_day() {
    let mut budget = Budget::new(BudgetConfig::default());
    let mut now = at("2026-11-01T12:00:00Z");
    for _ in 0..MAX_DAYS * 2 {
        budget.handle_usage(&used(4_000, 0.0), now);
        now += DAY;
    }
    assert_eq!(alerts(&mut budget), []);
    budget.handle_usage(&used(20_000, 0.0), now);
    assert_eq!(alerts(&mut budget), [], "five times is the limit");
    budget.handle_usage(&used(1, 0.0), now);
    budget.handle_usage(&used(50_000, 0.0), now);
    assert_eq!(
        alerts(&mut budget),
        [Alert::Unusual {
            tokens: 20_001,
            usual: 4_000
        }],
        "once a day"
    );
    // Little is never unusual, and neither is anything in the first days.
    let mut budget = Budget::new(BudgetConfig::default());
    for day in 0..10 {
        budget.handle_usage(&used(if day == 3 { 1_000_000 } else { 10 }, 0.0), now + day * DAY);
    }
    budget.handle_usage(&used(9_000, 0.0), now + 10 * DAY);
    assert_eq!(alerts(&mut budget), []);
}

#[test]
fn what_was_aborted_is_estimated_and_says_so() {
    let mut budget = Budget::new(BudgetConfig::default());
    let usage = estimate_aborted(100, 20, Some(0.000_001));
    assert!(usage.estimated);
    budget.handle_usage(&usage, DAY);
    budget.handle_usage(&used(5, 0.0), DAY);
    let (day, _) = budget.spent(DAY);
    assert_eq!((day.tokens, day.estimated, day.cost, day.requests), (125, 120, 1, 2));
}

#[test]
fn sums_against_a_plain_list() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let mut budget = Budget::new(BudgetConfig {
            day: Ceiling {
                tokens: 500,
                ..Ceiling::default()
            },
            month: Ceiling {
                tokens: 3_000,
                ..Ceiling::default()
            },
            offset: rng.below(1_440) as i32 - 720,
            ..BudgetConfig::default()
        });
        let offset = 0;
        let mut now = at("2026-01-01T00:00:00Z");
        let mut list: Vec<(u64, u64)> = Vec::new();
        let mut config = BudgetConfig {
            offset,
            ..BudgetConfig::default()
        };
        config.day.tokens = 500;
        config.month.tokens = 3_000;
        let mut plain = Budget::new(config);
        for _ in 0..100 {
            now += rng.below(DAY / 2);
            let tokens = rng.below(100);
            let here = period_of(now, offset);
            let sum = |same: &dyn Fn(u64) -> bool| {
                list.iter()
                    .filter(|(at, _)| same(*at))
                    .map(|(_, tokens)| tokens)
                    .sum::<u64>()
            };
            let day = sum(&|at| period_of(at, offset).day == here.day);
            let month = sum(&|at| period_of(at, offset).month == here.month);
            let expected = if month >= 3_000 {
                Err(here.month_ends)
            } else if day >= 500 {
                Err(here.day_ends)
            } else {
                Ok(())
            };
            assert_eq!(plain.check(now), expected, "seed {seed}");
            if expected.is_ok() {
                plain.handle_usage(&used(tokens, 0.0), now);
                list.push((now, tokens));
            }
            let _ = budget.check(now);
            budget.handle_usage(&used(u64::MAX - rng.below(2), f64::MAX), now);
        }
    }
}

#[test]
fn a_snapshot_is_taken_up_again() {
    let config = BudgetConfig {
        day: Ceiling {
            tokens: 100,
            ..Ceiling::default()
        },
        ..BudgetConfig::default()
    };
    let day = 86_400_000;
    let usage = |total| Usage {
        total,
        cost: Some(0.5),
        ..Usage::default()
    };
    let mut first = Budget::new(config.clone());
    first.handle_usage(&usage(60), 20_000 * day);
    let kept = first.snapshot(20_000 * day);
    // The same day: what was used since is added to it.
    let mut second = Budget::new(config.clone());
    second.handle_usage(&usage(50), 20_000 * day);
    assert!(second.restore(kept.as_bytes(), 20_000 * day));
    let (today, month) = second.spent(20_000 * day);
    assert_eq!(
        (today.tokens, today.requests, today.cost, month.tokens),
        (110, 2, 1_000_000, 110)
    );
    assert!(second.check(20_000 * day).is_err());
    // The next day: the month stays. The next month: nothing does, but what is usual.
    let mut third = Budget::new(config.clone());
    assert!(third.restore(kept.as_bytes(), 20_001 * day));
    let (today, month) = third.spent(20_001 * day);
    assert_eq!((today.tokens, month.tokens), (0, 60));
    let mut fourth = Budget::new(config.clone());
    assert!(fourth.restore(kept.as_bytes(), 20_040 * day));
    assert_eq!(fourth.spent(20_040 * day).1.tokens, 0);
    assert!(fourth.snapshot(20_040 * day).contains("\"days\":[60]"));
    // A clock that was set back opens no budget.
    let mut fifth = Budget::new(config.clone());
    assert!(fifth.restore(kept.as_bytes(), 19_999 * day));
    assert_eq!(fifth.spent(19_999 * day).0.tokens, 60);
    for broken in [
        "",
        "{}",
        "[]",
        "null",
        "{\"version\":2}",
        &kept[..kept.len() - 1],
        &kept.replace("60", "-60"),
    ] {
        let mut budget = Budget::new(config.clone());
        assert!(!budget.restore(broken.as_bytes(), 20_000 * day), "{broken}");
        assert_eq!(budget.spent(20_000 * day).0.tokens, 0);
    }
}
