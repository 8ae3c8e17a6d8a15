//! What happens in a run: a list of steps that a seed grows, a file holds, and a shrinker thins out.

use opencode_session::proto::rng::Rng;

use crate::fault::{ALL, Fault, Profile};

/// One step. Each carries its own randomness, so that leaving one out does not change the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Server, stream, requests and timers go on for a while.
    Work(u64),
    /// Milliseconds pass.
    Wait(u64),
    /// The user sends a prompt.
    Send,
    /// Somebody else does.
    Other,
    /// The user asks for older messages.
    Older,
    /// Another client takes back, or puts back.
    Revert(u64),
    /// The user waits for the session to be settled.
    Settled,
    /// Everything under way arrives.
    Arrive,
    /// Something goes wrong.
    Fault(Fault, u64),
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) profile: Profile,
    pub(crate) steps: Vec<Step>,
}

impl Plan {
    /// Of four seeds, one is hostile; unless a profile is asked for.
    pub(crate) fn grow(seed: u64, profile: Option<Profile>) -> Plan {
        let profile = profile.unwrap_or(if seed % 4 == 3 {
            Profile::Hostile
        } else {
            Profile::Lawful
        });
        let mut rng = Rng::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x51ED);
        let lawful: Vec<Fault> = of(Profile::Lawful);
        let hostile: Vec<Fault> = of(Profile::Hostile);
        let mut steps = Vec::new();
        // Most runs see many kinds of faults; some see few, again and again.
        let few: Option<Vec<Fault>> = (rng.below(4) == 0).then(|| (0..3).map(|_| pick(&mut rng, &lawful)).collect());
        for _ in 0..16 + rng.below(24) {
            let salt = rng.next_u64();
            steps.push(match rng.below(100) {
                0..34 => Step::Work(salt),
                34..39 => Step::Wait(rng.below(3_000)),
                39..41 => Step::Wait(rng.below(90_000)),
                41..47 => Step::Send,
                47..50 => Step::Other,
                50..52 => Step::Older,
                55 | 56 => Step::Revert(salt),
                52 => Step::Settled,
                53..55 => Step::Arrive,
                _ if profile == Profile::Hostile && rng.below(3) > 0 => Step::Fault(pick(&mut rng, &hostile), salt),
                _ => Step::Fault(pick(&mut rng, few.as_ref().unwrap_or(&lawful)), salt),
            });
        }
        Plan { seed, profile, steps }
    }

    /// As a regression file holds it.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("seed {} {:?}\n", self.seed, self.profile);
        for step in &self.steps {
            text += &match step {
                Step::Fault(fault, salt) => format!("Fault {} {salt}\n", fault.name()),
                Step::Work(n) => format!("Work {n}\n"),
                Step::Wait(n) => format!("Wait {n}\n"),
                Step::Revert(n) => format!("Revert {n}\n"),
                other => format!("{other:?}\n"),
            };
        }
        text
    }

    /// Reads a regression file. Lines that start with `#` say what it is about.
    pub(crate) fn of_text(text: &str) -> Option<Plan> {
        let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let mut head = lines.next()?.strip_prefix("seed ")?.split(' ');
        let seed = head.next()?.parse().ok()?;
        let profile = match head.next()? {
            "Hostile" => Profile::Hostile,
            _ => Profile::Lawful,
        };
        let steps = lines.map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            Some(match words.as_slice() {
                ["Work", n] => Step::Work(n.parse().ok()?),
                ["Revert", n] => Step::Revert(n.parse().ok()?),
                ["Wait", n] => Step::Wait(n.parse().ok()?),
                ["Fault", name, salt] => Step::Fault(Fault::of(name)?, salt.parse().ok()?),
                ["Send"] => Step::Send,
                ["Other"] => Step::Other,
                ["Older"] => Step::Older,
                ["Settled"] => Step::Settled,
                ["Arrive"] => Step::Arrive,
                _ => return None,
            })
        });
        Some(Plan {
            seed,
            profile,
            steps: steps.collect::<Option<_>>()?,
        })
    }

    /// A plan with fewer steps that is still red: halves first, then one by one.
    pub(crate) fn shrink(mut self, is_red: impl Fn(&Plan) -> bool) -> Plan {
        let mut size = self.steps.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < self.steps.len() {
                let mut less = self.clone();
                less.steps.drain(at..(at + size).min(less.steps.len()));
                if is_red(&less) {
                    self = less;
                } else {
                    at += size;
                }
            }
            size /= 2;
        }
        self
    }
}

fn of(profile: Profile) -> Vec<Fault> {
    let wanted = ALL.iter().filter(|(_, of, _)| *of == profile);
    // Some seldom find what they need to take effect.
    let times = |fault: Fault| match fault {
        Fault::SameIdAgain | Fault::KeeperEnds => 3,
        Fault::AbortWhileSending | Fault::Overtaken | Fault::ByteWise => 3,
        Fault::SlowSubscriber | Fault::KeeperMissing => 2,
        Fault::PostLost | Fault::PostAnswerLost | Fault::PostLate | Fault::NewIdAgain => 2,
        _ => 1,
    };
    wanted
        .flat_map(|(fault, ..)| std::iter::repeat_n(*fault, times(*fault)))
        .collect()
}

fn pick(rng: &mut Rng, from: &[Fault]) -> Fault {
    from[rng.below(from.len() as u64) as usize]
}
