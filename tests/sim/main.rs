//! The seeded simulation: the real client, a server by the book, and everything that can go wrong between them, in
//! virtual time. One seed and one commit give one run. `npm run sim -- --seeds N --from S` runs it.

#![allow(clippy::unwrap_used, clippy::panic)] // a violation is a panic, caught for each run

#[path = "../support_rs/mod.rs"]
mod support_rs;

mod breaks;
mod bugs;
mod fault;
mod forge;
mod hurt;
mod judge;
mod keep;
mod net;
mod options;
mod page;
mod plan;
mod rest;
mod runner;
mod spoil;
mod time;
mod trace;
mod world;

use bugs::Bug;
use options::Options;
use plan::Plan;
use runner::{Red, regressions, replay, run_many, run_one, same_twice};

fn main() {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        // The filter of a `cargo test` that is about something else.
        Ok(None) => return,
        Err(usage) => exit(2, &usage),
    };
    runner::quiet_panics();
    if let Some(seed) = options.trace {
        return trace(&options, seed);
    }
    if let Some(path) = &options.replay {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let Some(plan) = Plan::of_text(&text) else {
            exit(2, &format!("{path} is no list of steps"));
        };
        return show(&plan, options.bug);
    }
    if options.planted {
        return bugs::hunt();
    }
    let files = regressions();
    for (name, plan) in &files {
        if let Err(message) = replay(plan, options.bug, false) {
            exit(1, &format!("regression {name} is red:\n{message}"));
        }
    }
    println!("{} regressions replayed", files.len());
    if let Err(message) = same_twice(options.from, options.seeds.min(100)) {
        exit(1, &message);
    }
    println!(
        "{} seeds run twice: same traces, and the same pages whether drained often or once",
        options.seeds.min(100)
    );
    let begin = std::time::Instant::now();
    let (counts, red) = run_many(
        options.from,
        options.seeds,
        options.profile,
        options.bug,
        options.keep_going,
    );
    let mut kinds = std::collections::BTreeMap::new();
    for red in &red {
        let count = kinds.entry(kind(&red.message)).or_insert(0);
        *count += 1;
        if *count == 1 {
            report(&options, red);
        }
    }
    for (kind, count) in &kinds {
        println!("{count} red seeds: {kind}");
    }
    let done = red
        .iter()
        .map(|red| red.seed)
        .min()
        .map_or(options.seeds, |_| options.seeds);
    println!("{}", runner::table(&counts, done));
    println!("{done} seeds in {:.1} s", begin.elapsed().as_secs_f64());
    if !red.is_empty() {
        exit(1, &format!("{} red seeds", red.len()));
    }
    if let Err(vacuous) = runner::enough(&counts, done, options.profile) {
        exit(1, &vacuous);
    }
    println!("green");
}

/// What a red run is about: its seed, the steps that it needs, and how to run it again.
fn report(options: &Options, red: &Red) {
    println!("\nseed {} is red: {}", red.seed, red.message);
    let plan = Plan::grow(red.seed, options.profile);
    let before = plan.steps.len();
    let same = |plan: &Plan| run_one(plan, options.bug).is_err_and(|message| kind(&message) == kind(&red.message));
    let plan = plan.shrink(same);
    let message = run_one(&plan, options.bug).err().unwrap_or_default();
    println!("{} of {before} steps are enough:\n{}", plan.steps.len(), plan.to_text());
    println!("{message}");
    let bug = options
        .bug_name
        .as_ref()
        .map_or(String::new(), |name| format!(" --bug {name}"));
    println!(
        "again: npm run sim -- --seeds 1 --from {}{}{bug}",
        red.seed,
        options.profile_flag()
    );
}

/// What a message tells of one run alone comes late in its first line.
fn kind(message: &str) -> String {
    message.lines().nth(1).unwrap_or_default().chars().take(32).collect()
}

fn trace(options: &Options, seed: u64) {
    let plan = Plan::grow(seed, options.profile);
    let plan = match run_one(&plan, options.bug) {
        Err(first) => {
            plan.shrink(|plan| run_one(plan, options.bug).is_err_and(|message| kind(&message) == kind(&first)))
        }
        Ok(_) => plan,
    };
    show(&plan, options.bug);
}

fn show(plan: &Plan, bug: Option<Bug>) {
    match replay(plan, bug, true) {
        Ok(()) => println!("seed {} is green", plan.seed),
        Err(message) => exit(1, &format!("{}\n{message}", plan.to_text())),
    }
}

fn exit(code: i32, message: &str) -> ! {
    eprintln!("sim: {message}");
    std::process::exit(code)
}
