//! The relay, several at a time, over a model of Redis Streams, in virtual time: `--seeds N --from S`, `--planted`,
//! `--bug NAME`, `--trace SEED`. One seed and one commit give one run.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

mod client;
mod redis;
mod server;
mod storm;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use client::Met;
use world::World;

/// `cargo test` runs this many.
const USUAL: u64 = 300;

#[cfg(feature = "planted")]
type Bug = opencode_session::proto::relay::planted::Bug;
#[cfg(not(feature = "planted"))]
#[derive(Clone, Copy)]
enum Bug {}

fn plant(bug: Option<Bug>) {
    #[cfg(feature = "planted")]
    opencode_session::proto::relay::planted::set(bug);
    #[cfg(not(feature = "planted"))]
    let _ = bug;
}

fn run(seed: u64, bug: Option<Bug>, is_unfenced: bool) -> (Result<(), String>, Met) {
    plant(bug);
    let mut world = World::new(seed, is_unfenced);
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.run()));
    (told.unwrap_or_else(|_| Err(String::from("panicked"))), world.met)
}

/// The first seed that is red, and what all of them met.
fn run_many(from: u64, count: u64, bug: Option<Bug>, is_unfenced: bool) -> (Option<(u64, String)>, Met) {
    let next = AtomicU64::new(from);
    let found: Mutex<(Option<(u64, String)>, Met)> = Mutex::default();
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let red = found.lock().unwrap().0.as_ref().map(|(seed, _)| *seed);
                    if seed >= from + count || red.is_some_and(|red| red < seed) {
                        break;
                    }
                    let (told, met) = run(seed, bug, is_unfenced);
                    let mut found = found.lock().unwrap();
                    found.1.add(met);
                    if let Err(message) = told
                        && found.0.as_ref().is_none_or(|(red, _)| seed < *red)
                    {
                        found.0 = Some((seed, message));
                    }
                }
            });
        }
    });
    found.into_inner().unwrap()
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        args.iter()
            .position(|arg| arg == name)
            .and_then(|at| args.get(at + 1))
            .cloned()
    };
    let number = |name: &str, usual: u64| value(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
    // The filter of a `cargo test` that is about something else.
    if args.first().is_some_and(|arg| !arg.starts_with("--")) {
        return;
    }
    if !args.iter().any(|arg| arg == "--loud") {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let is_unfenced = args.iter().any(|arg| arg == "--unfenced");
    let bug = value("--bug").map(|name| named(&name));
    if let Some(seed) = value("--trace").and_then(|text| text.parse().ok()) {
        plant(bug);
        let mut world = World::new(seed, is_unfenced);
        world.trace = Some(Vec::new());
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.run()));
        println!("{}\n{told:?}", world.trace.unwrap_or_default().join("\n"));
        return;
    }
    if args.iter().any(|arg| arg == "--planted") {
        return hunt();
    }
    let begin = std::time::Instant::now();
    let count = number("--seeds", USUAL);
    let (red, met) = run_many(number("--from", 0), count, bug, is_unfenced);
    if let Some((seed, message)) = red {
        println!("relay: seed {seed} is red: {message}\nnpm run relay-sim -- --trace {seed} tells how");
        std::process::exit(1);
    }
    println!(
        "relay: {count} seeds green in {:.1} s; {met:?}",
        begin.elapsed().as_secs_f64()
    );
    if count >= USUAL && !met.is_full() {
        println!("relay: some of this was never met");
        std::process::exit(1);
    }
}

impl Met {
    fn add(&mut self, other: Met) {
        self.kept += other.kept;
        self.lost += other.lost;
        self.holes += other.holes;
        self.joined_midway += other.joined_midway;
        self.moved += other.moved;
        self.fenced += other.fenced;
        self.alone += other.alone;
        self.takeovers += other.takeovers;
        self.slow += other.slow;
        self.refused += other.refused;
        self.deltas += other.deltas;
    }

    fn is_full(&self) -> bool {
        let all = [
            self.kept,
            self.lost,
            self.holes,
            self.joined_midway,
            self.moved,
            self.fenced,
            self.alone,
            self.takeovers,
            self.slow,
            self.refused,
            self.deltas,
        ];
        all.iter().all(|count| *count > 0)
    }
}

#[cfg(feature = "planted")]
fn named(name: &str) -> Bug {
    let all = opencode_session::proto::relay::planted::ALL;
    all.iter()
        .find(|(_, known)| *known == name)
        .unwrap_or_else(|| panic!("no bug {name}"))
        .0
}

#[cfg(not(feature = "planted"))]
fn named(_: &str) -> Bug {
    panic!("a build with --features planted has bugs")
}

/// Each bug must be found, or the simulation is blind to its kind.
fn hunt() {
    #[cfg(feature = "planted")]
    {
        /// The bound within which each must be.
        const SEEDS: u64 = 2_000;
        let all = opencode_session::proto::relay::planted::ALL;
        let mut missed = Vec::new();
        let mut look = |name: &str, bug: Option<Bug>, is_unfenced: bool| match run_many(0, SEEDS, bug, is_unfenced).0 {
            Some((seed, message)) => {
                println!(
                    "{name:<20} seed {seed:>4}: {}",
                    message.chars().take(110).collect::<String>().replace('\n', " ")
                );
            }
            None => missed.push(String::from(name)),
        };
        look("(store) Unfenced", None, true);
        for (bug, name) in all {
            look(name, Some(*bug), false);
        }
        println!(
            "{} of {} planted bugs found within {SEEDS} seeds",
            all.len() + 1 - missed.len(),
            all.len() + 1
        );
        if !missed.is_empty() {
            println!("not found: {}", missed.join(", "));
            std::process::exit(1);
        }
    }
}
