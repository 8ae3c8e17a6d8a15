//! OAuth tokens over seeded schedules: tabs, a shared store and lock, and a server that rotates and takes each refresh
//! token once.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use opencode_session::proto::provider::refresh::{
    MARGIN, MAX_WAITING, Output, RefreshError, Refresher, Tokens, read_token_answer,
};
use opencode_session::proto::rng::Rng;

const SCHEDULES: u64 = 30_000;

fn tokens(generation: u64, now: u64, life: u64) -> Tokens {
    Tokens {
        access: format!("a{generation}"),
        refresh: format!("r{generation}"),
        expires_at: now + life,
        issued_at: now,
        generation,
    }
}

struct World {
    rng: Rng,
    now: u64,
    tabs: Vec<Refresher>,
    store: Option<Tokens>,
    lock: Option<usize>,
    wants_lock: Vec<usize>,
    /// Requests to the token endpoint and to the store that were not answered yet.
    posts: Vec<(usize, String)>,
    writes: Vec<(usize, Tokens)>,
    /// The one refresh token that works, and until when each access token does.
    current: String,
    revoked: bool,
    /// Each tab learns by itself that a token is refused.
    refused: Vec<(usize, String)>,
    issued: u64,
    served: u64,
    rotated: u64,
    next: u64,
    open: Vec<u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let now = 1_000_000;
        let first = tokens(0, now, rng.below(300_000));
        let tabs = (0..1 + rng.below(3))
            .map(|_| Refresher::new(Some(first.clone())))
            .collect();
        World {
            rng,
            now,
            tabs,
            store: Some(first),
            lock: None,
            wants_lock: Vec::new(),
            posts: Vec::new(),
            writes: Vec::new(),
            current: "r0".into(),
            revoked: false,
            refused: Vec::new(),
            issued: 0,
            served: 0,
            rotated: 0,
            next: 0,
            open: Vec::new(),
        }
    }

    fn step(&mut self) -> Result<(), String> {
        let tab = self.rng.below(self.tabs.len() as u64) as usize;
        match self.rng.below(14) {
            0..4 => {
                self.open.push(self.next);
                self.tabs[tab].handle_wanted(self.next, self.now);
                self.next += 1;
            }
            4 => self.now += self.rng.below(400_000),
            5 => self.now += self.rng.below(3_000),
            6 => {
                let request = self.rng.below(self.next + 1);
                self.tabs[tab].handle_cancel(request);
            }
            7 if self.rng.below(20) == 0 => self.revoked = true,
            8 => {
                if let Some(tokens) = self.store.clone() {
                    self.tabs[tab].handle_tokens(tokens, self.now);
                }
            }
            _ => self.world_moves(),
        }
        self.outputs()
    }

    /// Something that was asked for happens.
    fn world_moves(&mut self) {
        if !self.writes.is_empty() {
            let (tab, tokens) = self.writes.remove(0);
            let works = self.rng.below(5) > 0;
            if works {
                self.store = Some(tokens);
            }
            self.tabs[tab].handle_stored(works, self.now);
        } else if !self.posts.is_empty() {
            let (tab, token) = self.posts.remove(0);
            let answer = if self.rng.below(4) == 0 {
                Err(RefreshError::Unavailable)
            } else if self.revoked {
                self.refused.push((tab, token));
                Err(RefreshError::LoginRequired)
            } else {
                self.issued += 1;
                let mut new = tokens(
                    self.issued,
                    self.now,
                    [30_000, 90_000, 300_000, 0][self.rng.below(4) as usize],
                );
                new.generation = 0;
                if self.rng.below(4) == 0 {
                    // It does not rotate each time.
                    new.refresh = String::new();
                } else {
                    self.rotated += 1;
                    self.current.clone_from(&new.refresh);
                }
                Ok(new)
            };
            self.tabs[tab].handle_answer(answer, self.now);
        } else if self.lock.is_none() && !self.wants_lock.is_empty() {
            let tab = self.wants_lock.remove(0);
            self.lock = Some(tab);
            self.tabs[tab].handle_locked(self.store.clone(), self.now);
        }
    }

    fn outputs(&mut self) -> Result<(), String> {
        for tab in 0..self.tabs.len() {
            while let Some(output) = self.tabs[tab].poll_output() {
                match output {
                    Output::Lock => self.wants_lock.push(tab),
                    Output::Unlock if self.lock == Some(tab) => self.lock = None,
                    Output::Unlock => return Err("gave back a lock that it had not".into()),
                    Output::Refresh { token } => {
                        if self.lock != Some(tab) || !self.posts.is_empty() {
                            return Err("two refreshes at a time".into());
                        }
                        if token != self.current {
                            return Err(format!("{token} was spent, {} is the one", self.current));
                        }
                        if self.refused.contains(&(tab, token.clone())) {
                            return Err(format!("{token} was refused before"));
                        }
                        self.posts.push((tab, token));
                    }
                    Output::Store(tokens) => {
                        if self.lock != Some(tab) {
                            return Err("stored without the lock".into());
                        }
                        if tokens.refresh != self.current {
                            return Err(format!("stores {}, not {}", tokens.refresh, self.current));
                        }
                        self.writes.push((tab, tokens));
                    }
                    Output::Token { request, access } => {
                        self.close(request)?;
                        self.served += 1;
                        let stored = self.store.as_ref().unwrap();
                        let number = |text: &str| text[1..].parse::<u64>().unwrap();
                        if number(&access) > number(&stored.access) {
                            return Err(format!("{access} is given out before it is stored"));
                        }
                        let known = [&self.tabs[tab]].iter().filter_map(|tab| tab.poll_timeout()).next();
                        // From its last minute on, or half of its life, it is not sent.
                        if known.is_some_and(|until| until <= self.now) {
                            return Err(format!("{access} is about to expire"));
                        }
                    }
                    Output::Refused { request, .. } => self.close(request)?,
                }
            }
        }
        Ok(())
    }

    fn close(&mut self, request: u64) -> Result<(), String> {
        let at = self.open.iter().position(|open| *open == request);
        let at = at.ok_or_else(|| format!("request {request} is told twice"))?;
        self.open.swap_remove(at);
        Ok(())
    }
}

/// Number of tokens given out, and of rotations.
fn run(seed: u64) -> Result<(u64, u64), String> {
    let mut world = World::new(seed);
    for step in 0..60 {
        world.step().map_err(|error| format!("step {step}: {error}"))?;
    }
    // When all is quiet, the one refresh token that works is still there.
    for _ in 0..200 {
        world.world_moves();
        world.outputs()?;
    }
    let here = world
        .store
        .as_ref()
        .is_some_and(|tokens| tokens.refresh == world.current);
    if !here && world.lock.is_none() {
        return Err(format!("{} is lost", world.current));
    }
    Ok((world.served, world.rotated))
}

#[test]
fn schedules() {
    let (mut served, mut rotated) = (0, 0);
    for seed in 0..SCHEDULES {
        match run(seed) {
            Ok((tokens, rotations)) => (served, rotated) = (served + tokens, rotated + rotations),
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    assert!(
        served > SCHEDULES && rotated > SCHEDULES,
        "{served} served, {rotated} rotated"
    );
}

#[cfg(feature = "planted")]
#[test]
fn each_planted_bug_is_found() {
    use opencode_session::proto::provider::planted::{ALL, Bug, set};
    let own = ALL
        .iter()
        .filter(|(bug, _)| (Bug::NoMargin as u32..=Bug::RefreshAfterRefusal as u32).contains(&(*bug as u32)));
    let mut missed = Vec::new();
    for (bug, name) in own {
        set(Some(*bug));
        let found = (0..20_000).find(|seed| run(*seed).is_err());
        set(None);
        println!("{name}: {found:?}");
        match found {
            Some(seed) => assert!(run(seed).is_ok(), "{name}"),
            None => missed.push(name),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

fn drain(refresher: &mut Refresher) -> Vec<Output> {
    std::iter::from_fn(|| refresher.poll_output()).collect()
}

#[test]
fn one_minute_before_its_end_it_is_refreshed_once() {
    let mut refresher = Refresher::new(Some(tokens(0, 0, 300_000)));
    refresher.handle_wanted(1, 239_999);
    assert_eq!(
        drain(&mut refresher),
        [Output::Token {
            request: 1,
            access: "a0".into()
        }]
    );
    assert_eq!(refresher.poll_timeout(), Some(300_000 - MARGIN));
    refresher.handle_wanted(2, 240_000);
    refresher.handle_wanted(3, 240_000);
    assert_eq!(drain(&mut refresher), [Output::Lock]);
    refresher.handle_locked(None, 240_001);
    assert_eq!(drain(&mut refresher), [Output::Refresh { token: "r0".into() }]);
    let new = read_token_answer(
        200,
        br#"{"access_token":"a1","refresh_token":"r1","expires_in":"3600","token_type":"bearer"}"#,
        240_100,
    )
    .unwrap();
    assert_eq!(new.expires_at, 240_100 + 3_600_000);
    refresher.handle_answer(Ok(new), 240_100);
    let stored = drain(&mut refresher);
    assert!(matches!(&stored[..], [Output::Store(tokens)] if tokens.refresh == "r1" && tokens.generation == 1));
    refresher.handle_stored(true, 240_200);
    let token = |request| Output::Token {
        request,
        access: "a1".into(),
    };
    assert_eq!(drain(&mut refresher), [Output::Unlock, token(2), token(3)]);
}

#[test]
fn what_could_not_be_stored_is_stored_later() {
    let mut refresher = Refresher::new(Some(tokens(0, 0, 0)));
    refresher.handle_wanted(1, 10);
    refresher.handle_locked(None, 10);
    refresher.handle_answer(Ok(tokens(1, 10, 300_000)), 10);
    drain(&mut refresher);
    refresher.handle_stored(false, 10);
    assert_eq!(
        drain(&mut refresher),
        [Output::Refused {
            request: 1,
            error: RefreshError::StoreFailed
        }]
    );
    refresher.handle_wanted(2, 20);
    assert!(matches!(&drain(&mut refresher)[..], [Output::Store(tokens)] if tokens.refresh == "r1"));
    refresher.handle_stored(true, 20);
    assert_eq!(
        drain(&mut refresher)[1],
        Output::Token {
            request: 2,
            access: "a1".into()
        }
    );
}

#[test]
fn a_rejected_token_is_not_sent_again() {
    let mut refresher = Refresher::new(Some(tokens(0, 0, 300_000)));
    refresher.handle_rejected("other");
    refresher.handle_wanted(1, 0);
    assert_eq!(drain(&mut refresher).len(), 1);
    refresher.handle_rejected("a0");
    refresher.handle_wanted(2, 0);
    assert_eq!(drain(&mut refresher), [Output::Lock]);
}

#[test]
fn answers_of_token_endpoints() {
    for (status, body, error) in [
        (400, r#"{"error":"invalid_grant"}"#, RefreshError::LoginRequired),
        (401, r#"{"error":"invalid_client"}"#, RefreshError::LoginRequired),
        (400, r#"{"error":"temporarily_unavailable"}"#, RefreshError::Unavailable),
        (503, "<html>", RefreshError::Unavailable),
        (200, "{}", RefreshError::InvalidResponse),
        (200, r#"{"access_token":"a""#, RefreshError::InvalidResponse),
        (200, r#"{"access_token":7}"#, RefreshError::InvalidResponse),
    ] {
        assert_eq!(read_token_answer(status, body.as_bytes(), 0), Err(error), "{body}");
    }
    let untold = read_token_answer(200, br#"{"access_token":"a","expires_in":null}"#, 5).unwrap();
    assert_eq!((untold.refresh.as_str(), untold.expires_at), ("", 300_005));
    let past = read_token_answer(200, br#"{"access_token":"a","expires_in":-5}"#, 5).unwrap();
    assert_eq!(past.expires_at, 5);
    let long = format!(r#"{{"access_token":"{}"}}"#, "a".repeat(70_000));
    assert_eq!(
        read_token_answer(200, long.as_bytes(), 0),
        Err(RefreshError::InvalidResponse)
    );
    assert_eq!(RefreshError::LoginRequired.code(), "login_required");
}

#[test]
fn bounds_and_secrets() {
    let mut refresher = Refresher::new(None);
    for request in 0..=MAX_WAITING as u64 {
        refresher.handle_wanted(request, 0);
    }
    let full = Output::Refused {
        request: MAX_WAITING as u64,
        error: RefreshError::QueueFull,
    };
    assert_eq!(drain(&mut refresher), [Output::Lock, full]);
    refresher.handle_locked(None, 0);
    assert!(drain(&mut refresher).contains(&Output::Refused {
        request: 0,
        error: RefreshError::LoginRequired
    }));
    let shown = format!(
        "{:?}",
        Tokens {
            access: "canary".into(),
            refresh: "canary".into(),
            ..tokens(0, 0, 0)
        }
    );
    assert!(!shown.contains("canary"), "{shown}");
}
