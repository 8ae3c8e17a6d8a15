//! Runs plans: one, many on all cores, one twice.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::bugs::{self, Bug};
use crate::fault::{ALL, Counts, GOALS, Profile};
use crate::plan::Plan;
use crate::support_rs::mirror::Mirror;
use crate::trace::Trace;
use crate::world::World;

/// A run that broke a promise.
pub(crate) struct Red {
    pub(crate) seed: u64,
    pub(crate) message: String,
}

thread_local! {
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Panics are verdicts here: kept, not printed.
pub(crate) fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        LAST.with_borrow_mut(|last| *last = info.to_string());
    }));
}

fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| LAST.take())
}

pub(crate) fn run_one(plan: &Plan, bug: Option<Bug>) -> Result<Counts, String> {
    bugs::plant(bug);
    guarded(|| {
        let mut world = World::new(plan, Trace::default(), true);
        world.run(plan);
        world.rest();
        world.conclude();
        world.counts
    })
}

/// Runs a plan again, with everything printed that goes in and out.
pub(crate) fn replay(plan: &Plan, bug: Option<Bug>, print: bool) -> Result<(), String> {
    bugs::plant(bug);
    let trace = || Trace {
        on: print,
        print,
        hash: 0,
    };
    guarded(|| {
        let mut world = World::new(plan, trace(), true);
        world.run(plan);
        world.rest();
        world.conclude();
    })
}

fn traced(seed: u64, drains: bool) -> Result<(u64, Vec<Mirror>), String> {
    bugs::plant(None);
    let plan = Plan::grow(seed, None);
    guarded(|| {
        let trace = Trace {
            on: true,
            ..Trace::default()
        };
        let mut world = World::new(&plan, trace, drains);
        world.run(&plan);
        world.rest();
        let mirrors = world.opens.iter().map(|open| open.mirror.clone()).collect();
        (world.trace.hash, mirrors)
    })
}

/// One seed, one trace, however often the page shows what changed.
pub(crate) fn same_twice(from: u64, count: u64) -> Result<(), String> {
    for seed in from..from + count {
        // Red seeds are reported by the run over all of them.
        let (Ok(first), Ok(second)) = (traced(seed, true), traced(seed, false)) else {
            continue;
        };
        if first.0 != second.0 {
            return Err(format!("seed {seed}: two runs, two traces"));
        }
        if first.1 != second.1 {
            return Err(format!("seed {seed}: two runs, two pages"));
        }
    }
    Ok(())
}

/// Runs seeds on all cores. Stops at the first red ones, unless it is to go on.
pub(crate) fn run_many(
    from: u64,
    seeds: u64,
    profile: Option<Profile>,
    bug: Option<Bug>,
    keep_going: bool,
) -> (Counts, Vec<Red>) {
    let next = AtomicU64::new(from);
    let sum = Mutex::new((Counts::default(), Vec::new()));
    let work = || {
        let mut counts = Counts::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + seeds {
                break;
            }
            match run_one(&Plan::grow(seed, profile), bug) {
                Ok(one) => counts.add(&one),
                Err(message) => {
                    if keep_going {
                        println!("seed {seed}: {}", message.lines().nth(1).unwrap_or_default());
                    }
                    sum.lock().unwrap().1.push(Red { seed, message });
                    if !keep_going {
                        next.store(from + seeds, Ordering::Relaxed);
                    }
                }
            }
            if (seed - from) % 50_000 == 49_999 {
                println!("{} seeds", seed - from + 1);
            }
        }
        sum.lock().unwrap().0.add(&counts);
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    let (counts, mut red) = sum.into_inner().unwrap();
    red.sort_by_key(|red| red.seed);
    (counts, red)
}

/// Plans that were red once.
pub(crate) fn regressions() -> Vec<(String, Plan)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sim/regressions");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "seed"));
    files.sort();
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let plan = Plan::of_text(&std::fs::read_to_string(&path).unwrap());
        (
            name.clone(),
            plan.unwrap_or_else(|| panic!("{name} is no list of steps")),
        )
    };
    files.into_iter().map(read).collect()
}

/// How often each class of faults took effect, and in what share of the runs something was reached.
pub(crate) fn table(counts: &Counts, seeds: u64) -> String {
    let mut text = String::from("\nfault                 in effect\n");
    for ((_, _, name), count) in ALL.iter().zip(&counts.faults) {
        text += &format!("{name:<20} {count:>10}\n");
    }
    text += &format!(
        "{:<20} {:>10}\n\nreached           share of runs\n",
        "all",
        counts.faults.iter().sum::<u64>()
    );
    for ((_, name), count) in GOALS.iter().zip(&counts.reached) {
        text += &format!("{name:<20} {:>8.1} %\n", *count as f64 * 100.0 / seeds as f64);
    }
    text
}

/// As many as the checks of `npm test` run: of fewer, a fault that seldom finds what it needs may meet none.
const JUDGED: u64 = 10_000;

/// Runs in which nothing happens prove nothing.
pub(crate) fn enough(counts: &Counts, seeds: u64, profile: Option<Profile>) -> Result<(), String> {
    if seeds < JUDGED {
        return Ok(());
    }
    let total: u64 = counts.faults.iter().sum();
    if total < seeds * 10 {
        return Err(format!("only {total} faults took effect in {seeds} seeds"));
    }
    for ((_, of, name), count) in ALL.iter().zip(&counts.faults) {
        let wanted = profile.is_none_or(|profile| profile == *of || profile == Profile::Hostile);
        if wanted && *count < seeds / 10 {
            return Err(format!("{name} took effect only {count} times in {seeds} seeds"));
        }
    }
    for ((_, name), count) in GOALS.iter().zip(&counts.reached) {
        if *count * 200 < seeds {
            return Err(format!("only {count} of {seeds} runs reached {name}"));
        }
    }
    Ok(())
}
