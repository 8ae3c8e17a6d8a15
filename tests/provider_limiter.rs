//! The limiter against a model that looks through everything, over seeded schedules in virtual time.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

#[path = "support_rs/limiter_model.rs"]
mod limiter_model;

use limiter_model::{Model, State};
use opencode_session::proto::provider::limiter::{
    CircuitConfig, Estimator, Limiter, LimiterConfig, Outcome, Output, Priority, Refused, Ticket,
};
use opencode_session::proto::retry::{Dimension, Rate, Rates};
use opencode_session::proto::rng::Rng;

const SCHEDULES: u64 = 100_000;
const STEPS: u64 = 40;
const WALL: u64 = 1_795_809_600_000;

/// What the schedules met, so that none of it is missing from all of them.
#[derive(Debug, Default)]
struct Met {
    started: u64,
    cancelled: u64,
    quota: u64,
    full: u64,
    open: u64,
    late: u64,
    back: u64,
}

fn config(rng: &mut Rng) -> LimiterConfig {
    LimiterConfig {
        requests: 1 + rng.below(5),
        tokens: 50 + rng.below(100),
        window: 1_000,
        max_concurrent: 1 + rng.below(4) as usize,
        max_queue: 1 + rng.below(6) as usize,
        max_wait: [900, 3_000, 20_000][rng.below(3) as usize],
        age: [100, 700][rng.below(2) as usize],
        circuit: CircuitConfig {
            failures: 2,
            pause: 300,
            max_pause: 1_000,
        },
    }
}

/// Headers of a server that may lie.
fn headers(rng: &mut Rng, wall: u64) -> Rates {
    let mut rates = Rates::default();
    for dimension in [Dimension::Requests, Dimension::Tokens, Dimension::InputTokens] {
        if rng.below(2) == 0 {
            rates.rates.push(Rate {
                dimension,
                name: String::new(),
                window: None,
                limit: Some(rng.below(3)),
                remaining: [None, Some(0), Some(rng.below(4)), Some(rng.below(200)), Some(u64::MAX)]
                    [rng.below(5) as usize],
                reset_at: [
                    None,
                    Some(0),
                    Some(wall + rng.below(2_000)),
                    Some(wall + rng.below(9_000)),
                    Some(u64::MAX),
                ][rng.below(20).min(4) as usize % 5]
                    .filter(|_| rng.below(4) > 0),
            });
        }
    }
    if rng.below(4) == 0 {
        rates.retry_at = Some(wall + [0, rng.below(1_500), 277_403_000][rng.below(12).min(2) as usize % 3]);
    }
    rates
}

/// One schedule. What the limiter does otherwise than the model is an error.
fn run(seed: u64, met: &mut Met) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let config = config(&mut rng);
    let honest = rng.below(2) == 0;
    let lies = rng.below(3) == 0;
    let (mut limiter, mut model) = (Limiter::new(config.clone()), Model::new(config.clone()));
    let mut raw = 1_000_000;
    // An honest server tells the usage of a request once.
    let mut told = std::collections::BTreeSet::new();
    for step in 0..STEPS {
        model.tick(raw);
        let pick = |rng: &mut Rng, those: Vec<usize>| those.get(rng.below(those.len() as u64) as usize).copied();
        match rng.below(16) {
            0..6 => {
                let priority = [Priority::Low, Priority::Normal, Priority::High][rng.below(3) as usize];
                let need = rng.below(config.tokens + config.tokens / 20);
                let (ours, theirs) = (limiter.handle_submit(priority, need, raw), model.submit(priority, need));
                if ours != theirs {
                    return Err(format!("step {step}: submit gave {ours:?}, not {theirs:?}"));
                }
                met.full += u64::from(ours == Err(Refused::QueueFull));
            }
            6 => {
                if let Some(at) = pick(&mut rng, model.those(|state| state != State::Gone)) {
                    met.cancelled += u64::from(model.records[at].state == State::Queued);
                    limiter.handle_cancel(Ticket(at as u64), raw);
                    model.cancel(at);
                }
            }
            7..10 => {
                if let Some(at) = pick(&mut rng, model.those(|state| state == State::Running)) {
                    let need = model.records[at].need;
                    let most = if honest { need + 1 } else { need * 2 + 10 };
                    let usage = (rng.below(3) > 0).then(|| rng.below(most));
                    let usage = usage.filter(|_| told.insert(at) || !honest);
                    let outcome = match rng.below(8) {
                        0..5 => Outcome::Answered,
                        5 | 6 => Outcome::Failed,
                        _ => Outcome::Aborted,
                    };
                    if lies {
                        let rates = headers(&mut rng, WALL + raw);
                        limiter.handle_rates(Ticket(at as u64), &rates, WALL + raw, raw);
                        model.rates(at, &rates, WALL + raw);
                    }
                    limiter.handle_finished(Ticket(at as u64), outcome, usage, raw);
                    model.finish(at, outcome, usage);
                }
            }
            10 => {
                if let Some(at) = pick(&mut rng, model.those(|state| state != State::Queued)) {
                    let need = model.records[at].need;
                    let usage = rng.below(if honest { need + 1 } else { need * 2 });
                    if !told.insert(at) && honest {
                        continue;
                    }
                    met.late += u64::from(matches!(model.records[at].state, State::Ended(_)));
                    limiter.handle_usage(Ticket(at as u64), usage, raw);
                    model.usage(at, usage);
                }
            }
            11 | 12 => raw += rng.below(400),
            13 => {
                if let Some(at) = limiter.poll_timeout(raw) {
                    if Some(at) != model.next_moment() {
                        return Err(format!(
                            "step {step}: comes back at {at}, not at {:?}",
                            model.next_moment()
                        ));
                    }
                    if at < raw {
                        return Err(format!("step {step}: comes back in the past"));
                    }
                    raw = at;
                    model.tick(raw);
                    let now = model.outputs();
                    if now.is_empty() {
                        return Err(format!("step {step}: comes back for nothing"));
                    }
                    compare(&mut limiter, raw, now, met).map_err(|error| format!("step {step}: {error}"))?;
                }
            }
            14 => {
                met.back += 1;
                raw -= rng.below(600_000).min(raw / 2);
            }
            _ => raw += rng.below(10) * rng.below(1_500),
        }
        model.tick(raw);
        let outputs = model.outputs();
        compare(&mut limiter, raw, outputs, met).map_err(|error| format!("step {step}: {error}"))?;
        if limiter.poll_timeout(raw) != model.next_moment() {
            return Err(format!(
                "step {step}: timeout {:?}, not {:?}",
                limiter.poll_timeout(raw),
                model.next_moment()
            ));
        }
    }
    if honest {
        model.judge(|start, _| start)?;
        model.judge(|_, end| end)?;
        model.judge(|start, end| start + rng.below(end - start + 1))?;
    }
    Ok(())
}

fn compare(limiter: &mut Limiter, raw: u64, expected: Vec<Output>, met: &mut Met) -> Result<(), String> {
    let mut outputs = Vec::new();
    while let Some(output) = limiter.poll_output(raw) {
        match output {
            Output::Start(_) => met.started += 1,
            Output::Refuse(_, Refused::Quota { .. }) => met.quota += 1,
            Output::Refuse(_, _) => met.open += 1,
        }
        outputs.push(output);
        if outputs.len() > 1_000 {
            return Err("no end of outputs".into());
        }
    }
    if outputs == expected {
        Ok(())
    } else {
        Err(format!("{outputs:?}, not {expected:?}"))
    }
}

#[test]
fn schedules_against_the_model() {
    let met = std::thread::scope(|scope| {
        let half = |from: u64| {
            scope.spawn(move || {
                let mut met = Met::default();
                for seed in (from..SCHEDULES).step_by(2) {
                    if let Err(error) = run(seed, &mut met) {
                        panic!("seed {seed}: {error}");
                    }
                }
                met
            })
        };
        [half(0), half(1)].map(|half| half.join().unwrap())
    });
    println!("{met:?}");
    for met in met {
        for (what, count) in [
            ("started", met.started),
            ("cancelled", met.cancelled),
            ("quota", met.quota),
            ("full", met.full),
            ("open", met.open),
            ("late", met.late),
            ("back", met.back),
        ] {
            assert!(count > SCHEDULES / 100, "{what}: only {count}");
        }
    }
}

#[cfg(feature = "planted")]
#[test]
fn each_planted_bug_is_found() {
    use opencode_session::proto::provider::planted::{ALL, set};
    let mut missed = Vec::new();
    for (bug, name) in ALL.iter().filter(|(bug, _)| limiter_bug(*bug)) {
        set(Some(*bug));
        let found = (0..20_000).find(|seed| run(*seed, &mut Met::default()).is_err());
        set(None);
        match found {
            // The schedule is red by the bug, not by itself.
            Some(seed) => assert_eq!(run(seed, &mut Met::default()), Ok(()), "{name}"),
            None => missed.push(name),
        }
        println!("{name}: {found:?}");
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[cfg(feature = "planted")]
fn limiter_bug(bug: opencode_session::proto::provider::planted::Bug) -> bool {
    bug as u32 <= opencode_session::proto::provider::planted::Bug::SettleLater as u32
}

fn drain(limiter: &mut Limiter, now: u64) -> Vec<Output> {
    std::iter::from_fn(|| limiter.poll_output(now)).collect()
}

#[test]
fn a_low_one_starts_although_high_ones_keep_coming() {
    let mut limiter = Limiter::new(LimiterConfig {
        requests: 1,
        window: 100,
        max_queue: 1_000,
        age: 1_000,
        ..LimiterConfig::default()
    });
    let low = limiter.handle_submit(Priority::Low, 1, 0).unwrap();
    let mut now = 0;
    loop {
        limiter.handle_submit(Priority::High, 1, now).unwrap();
        for output in drain(&mut limiter, now) {
            let Output::Start(ticket) = output else {
                panic!("{output:?}")
            };
            limiter.handle_finished(ticket, Outcome::Answered, Some(1), now);
            if ticket == low {
                // Two levels are worth two ages, no more.
                assert!((2_000..=2_200).contains(&now), "{now}");
                return;
            }
        }
        now += 100;
        assert!(now < 10_000, "starved");
    }
}

#[test]
fn days_are_refused_at_once() {
    let mut limiter = Limiter::new(LimiterConfig {
        max_concurrent: 1,
        ..LimiterConfig::default()
    });
    let first = limiter.handle_submit(Priority::Normal, 10, 5).unwrap();
    let second = limiter.handle_submit(Priority::Normal, 10, 5).unwrap();
    assert_eq!(drain(&mut limiter, 5), [Output::Start(first)]);
    let rates = Rates::read([("retry-after", "277403")], WALL);
    limiter.handle_rates(first, &rates, WALL, 5);
    limiter.handle_finished(first, Outcome::Answered, None, 5);
    let quota = Refused::Quota {
        retry_at: Some(277_403_005),
    };
    assert_eq!(drain(&mut limiter, 5), [Output::Refuse(second, quota)]);
    assert_eq!(limiter.handle_submit(Priority::High, 10, 5), Err(quota));
    assert_eq!(quota.code(), "quota");
    // A new key: nothing of this holds any more.
    limiter.handle_reset(5);
    let third = limiter.handle_submit(Priority::High, 10, 5).unwrap();
    assert_eq!(drain(&mut limiter, 5), [Output::Start(third)]);
}

#[test]
fn retry_after_wins_over_a_reset_that_is_later() {
    let mut limiter = Limiter::new(LimiterConfig::default());
    let first = limiter.handle_submit(Priority::Normal, 10, 5).unwrap();
    assert_eq!(drain(&mut limiter, 5), [Output::Start(first)]);
    let said = [
        ("retry-after", "1"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ];
    limiter.handle_rates(first, &Rates::read(said, WALL), WALL, 5);
    limiter.handle_finished(first, Outcome::Failed, None, 5);
    // Six minutes are more than may be waited for: it would be refused.
    let second = limiter.handle_submit(Priority::Normal, 10, 6).unwrap();
    assert_eq!(drain(&mut limiter, 6), []);
    assert_eq!(limiter.poll_timeout(6), Some(1_005));
    assert_eq!(drain(&mut limiter, 1_005), [Output::Start(second)]);
}

#[test]
fn twice_the_limit_does_not_fit_into_a_minute() {
    let mut limiter = Limiter::new(LimiterConfig {
        max_concurrent: 1_000,
        max_queue: 1_000,
        ..LimiterConfig::default()
    });
    let mut starts = Vec::new();
    for now in (0..180_000).step_by(500) {
        let _ = limiter.handle_submit(Priority::Normal, 1, now);
        for output in drain(&mut limiter, now) {
            if let Output::Start(ticket) = output {
                starts.push(now);
                limiter.handle_finished(ticket, Outcome::Answered, Some(1), now);
            }
        }
    }
    for from in &starts {
        let window = starts.iter().filter(|at| (*from..from + 60_000).contains(at)).count();
        assert!(window <= 60, "{window} from {from}");
    }
    assert_eq!(starts.len(), 180);
}

#[test]
fn refusals_have_codes() {
    let mut limiter = Limiter::new(LimiterConfig {
        max_queue: 1,
        ..LimiterConfig::default()
    });
    assert_eq!(
        limiter.handle_submit(Priority::Low, 60_001, 0).unwrap_err().code(),
        "too_large"
    );
    limiter.handle_submit(Priority::Low, 1, 0).unwrap();
    assert_eq!(
        limiter.handle_submit(Priority::High, 1, 0).unwrap_err().code(),
        "queue_full"
    );
    assert_eq!((limiter.waiting(), limiter.running()), (1, 0));
    assert_eq!(Refused::CircuitOpen { retry_at: 0 }.code(), "circuit_open");
}

#[test]
fn estimates_learn() {
    let mut estimator = Estimator::default();
    assert!(estimator.prompt(3_000, 1) >= 1_000);
    // Three bytes a letter, a token each two letters.
    estimator.learn(6_000, 0, 3_000);
    assert!(estimator.prompt(6_000, 0) >= 3_000);
    for _ in 0..200 {
        estimator.learn(4_000, 2, 1_016);
    }
    let guess = estimator.prompt(4_000, 2);
    assert!((1_016..1_100).contains(&guess), "{guess}");
    estimator.learn(0, 0, 5);
    estimator.learn(1, 0, u64::MAX);
    assert_eq!(estimator.prompt(100, 0), 100);
}
