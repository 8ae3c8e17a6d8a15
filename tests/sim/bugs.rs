//! Bugs on purpose: each must be found, or the simulation is blind to its kind.

#[cfg(feature = "planted")]
mod on {
    pub(crate) use opencode_session::proto::planted::Bug;
    use opencode_session::proto::planted::{ALL, set};

    use crate::plan::Plan;
    use crate::runner::{Red, run_many, run_one};

    pub(crate) fn plant(bug: Option<Bug>) {
        set(bug);
    }

    pub(crate) fn named(name: &str) -> Result<Bug, String> {
        let found = ALL.iter().find(|(_, known)| *known == name).map(|(bug, _)| *bug);
        found.ok_or_else(|| format!("no bug {name}"))
    }

    /// The bound within which each bug must be found.
    const SEEDS: u64 = 2_000;

    /// The first seed that is red with the bug, and not without it.
    fn find(bug: Bug) -> Option<Red> {
        let mut from = 0;
        while from < SEEDS {
            let (_, reds) = run_many(from, SEEDS - from, None, Some(bug), false);
            from = reds.last()?.seed + 1;
            let planted = |red: &Red| run_one(&Plan::grow(red.seed, None), None).is_ok();
            if let Some(red) = reds.into_iter().find(planted) {
                return Some(red);
            }
        }
        None
    }

    pub(crate) fn hunt() {
        let mut missed = Vec::new();
        for (bug, name) in ALL {
            match find(*bug) {
                Some(red) => {
                    let first: String = red
                        .message
                        .lines()
                        .nth(1)
                        .unwrap_or_default()
                        .chars()
                        .take(110)
                        .collect();
                    println!("{name:<24} seed {:>4}: {first}", red.seed);
                }
                None => {
                    println!("{name:<24} NOT FOUND");
                    missed.push(*name);
                }
            }
        }
        println!(
            "{} of {} planted bugs found within {SEEDS} seeds",
            ALL.len() - missed.len(),
            ALL.len()
        );
        if !missed.is_empty() {
            std::process::exit(1);
        }
    }
}

#[cfg(not(feature = "planted"))]
mod on {
    /// None can be planted in a normal build.
    #[derive(Debug, Clone, Copy)]
    pub(crate) enum Bug {}

    pub(crate) fn plant(_: Option<Bug>) {}

    pub(crate) fn named(name: &str) -> Result<Bug, String> {
        Err(format!("--bug {name} wants a build with --features planted"))
    }

    pub(crate) fn hunt() {
        eprintln!("sim: --planted wants a build with --features planted");
        std::process::exit(2);
    }
}

pub(crate) use on::{Bug, hunt, named, plant};
