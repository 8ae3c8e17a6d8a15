//! The store's side of a run, what goes wrong, and what must hold at its end.

use std::collections::{BTreeMap, BTreeSet};

use opencode_session::proto::relay::{Answer, Op, Position};

use crate::world::{LIMIT, Later, Message, USERS, Verdict, World};

impl World {
    pub(crate) fn operate(&mut self, at: usize, incarnation: u64, node: u64, id: u32, op: &Op) -> Verdict {
        if self.redis.is_down || !self.instances[at].link {
            return Ok(());
        }
        let answer = self.redis.run(node, op, self.now);
        if let Op::Append { epoch, .. } | Op::Release { epoch, .. } | Op::Renew { epoch, .. } = op
            && *epoch < self.redis.epoch
            && matches!(answer, Answer::Done { .. })
        {
            return Err(format!("{at} writes although it was replaced"));
        }
        if !self.calm && !self.resting && self.rng.below(25) == 0 {
            return Ok(());
        }
        let delay = 1 + self.rng.below(5);
        self.later(delay, Later::To(at, incarnation, Message::Stored(id, answer)));
        Ok(())
    }

    pub(crate) fn read(&mut self, at: usize, incarnation: u64, generation: u32, after: Option<Position>, idle: u64) {
        let instance = &self.instances[at];
        if instance.incarnation != incarnation || instance.following != generation || instance.relay.is_none() {
            return;
        }
        if instance.paused > self.now {
            return self.later(
                instance.paused - self.now,
                Later::Read(at, incarnation, generation, after, idle),
            );
        }
        if self.redis.is_down || !instance.link {
            // Half of the time nothing is heard of it.
            if self.rng.below(2) == 0 {
                self.later(900, Later::To(at, incarnation, Message::FollowFailed(generation)));
            }
            return;
        }
        let (records, all) = self.redis.read(after, 40);
        let after = records.last().map(|record| record.position).or(after);
        let delay = 1 + self.rng.below(4);
        let idle = if records.is_empty() { idle + delay } else { 0 };
        if !records.is_empty() || idle == delay || idle > 800 {
            self.later(
                1,
                Later::To(at, incarnation, Message::Entries(generation, records, all)),
            );
        }
        let idle = if idle > 800 { 1 } else { idle };
        self.later(delay + 1, Later::Read(at, incarnation, generation, after, idle));
    }

    pub(crate) fn fault(&mut self) -> Verdict {
        let at = self.rng.below(self.instances.len() as u64) as usize;
        let incarnation = self.instances[at].incarnation;
        // That access is taken away is no fault.
        let kind = if self.calm { 12 } else { self.rng.below(14) };
        self.note(|| format!("fault {kind} at {at}"));
        match kind {
            0 | 1 => {
                // Never shorter than it is already: what waits comes in its order.
                let until = self.now + self.rng.below(9_000);
                self.instances[at].paused = self.instances[at].paused.max(until);
            }
            2 => self.kill(at),
            3 => {
                // Gracefully.
                self.to(at, incarnation, Message::Drain)?;
            }
            4 => self.instances[at].link = false,
            5 => self.redis.is_down = true,
            6 => {
                self.redis.is_down = false;
                self.instances.iter_mut().for_each(|instance| instance.link = true);
            }
            7 => self.redis.wipe(),
            8 => {
                let stream = &self.redis.stream;
                if let Some(record) = stream.get(self.rng.below(stream.len().max(1) as u64) as usize) {
                    let keep = record.position;
                    self.redis.trim(keep);
                }
            }
            9 | 10 => {
                if let Some(stream) = self.instances[at].stream.take() {
                    self.instances[at].is_live = false;
                    self.later(2, Later::To(at, incarnation, Message::Closed(stream)));
                }
            }
            11 => {
                self.server.is_away = !self.server.is_away;
                if self.server.is_away {
                    self.server.crash();
                    for each in 0..self.instances.len() {
                        if let Some(stream) = self.instances[each].stream.take() {
                            let incarnation = self.instances[each].incarnation;
                            self.instances[each].is_live = false;
                            self.later(2, Later::To(each, incarnation, Message::Closed(stream)));
                        }
                    }
                }
            }
            12 => {
                let (user, session) = (
                    1 + self.rng.below(USERS as u64 - 1),
                    self.rng.below(self.server.sessions.len() as u64),
                );
                let (user, session) = (user as usize, session as usize);
                if self.may[user][session] {
                    self.revoked.insert((user, session), self.now);
                }
                self.may[user][session] = false;
            }
            _ => {
                // A burst.
                for _ in 0..self.rng.below(80) {
                    let session = self.rng.below(self.server.sessions.len() as u64) as usize;
                    let event = self.server.step(session, &mut self.rng);
                    self.say(&event);
                }
            }
        }
        Ok(())
    }

    pub(crate) fn kill(&mut self, at: usize) {
        let instance = &mut self.instances[at];
        let key = (at, instance.incarnation);
        instance.relay = None;
        instance.stream = None;
        instance.is_live = false;
        instance.paused = 0;
        for client in 0..self.clients.len() {
            if let Some(reader) = self.clients[client].at.filter(|at| (at.0, at.1) == key) {
                self.later(1, Later::Gone(client, reader));
            }
        }
    }

    pub(crate) fn heal(&mut self) {
        self.note(|| String::from("faults stop"));
        self.resting = true;
        self.server.is_away = false;
        self.redis.is_down = self.ends_down;
        for instance in &mut self.instances {
            instance.link = true;
        }
        // No more readers of one user than may be.
        for user in 0..USERS {
            let mut own = 0;
            for client in self.clients.iter_mut().filter(|client| client.user == user) {
                own += 1;
                if own > LIMIT {
                    client.is_gone = true;
                }
            }
        }
        // Nor more than one instance takes.
        self.clients
            .iter_mut()
            .filter(|client| !client.is_gone)
            .skip(5)
            .for_each(|client| client.is_gone = true);
        for client in 0..self.clients.len() {
            if self.clients[client].is_gone
                && let Some((at, incarnation, reader)) = self.clients[client].at.take()
            {
                self.later(1, Later::To(at, incarnation, Message::Detach(reader)));
            }
        }
    }

    pub(crate) fn judge(&mut self) -> Verdict {
        let mut per_user = BTreeMap::new();
        for (index, client) in self.clients.iter().enumerate() {
            if client.is_gone {
                continue;
            }
            let Some((at, ..)) = client.at else {
                return Err(format!("client {index} has no stream at rest"));
            };
            *per_user.entry((at, client.user)).or_insert(0) += 1;
            if !client.is_live {
                return Err(format!("client {index} is not told at rest (at {at})"));
            }
            for (session, truth) in self.server.sessions.iter().enumerate() {
                let may =
                    client.only.is_none_or(|only| only == session) && (client.all || self.may[client.user][session]);
                if may && client.last_change(session) != Some(truth.changes) {
                    let known = client.last_change(session);
                    return Err(format!(
                        "client {index} at {at} knows change {known:?} of session {session}, and {} was the last",
                        truth.changes
                    ));
                }
            }
        }
        let streams = self
            .instances
            .iter()
            .filter(|instance| instance.stream.is_some())
            .count();
        let used: BTreeSet<usize> = self
            .clients
            .iter()
            .filter_map(|client| client.at)
            .map(|at| at.0)
            .collect();
        let most = if self.shared && !self.ends_down { 1 } else { used.len() };
        if streams > most {
            return Err(format!("{streams} streams at rest"));
        }
        Ok(())
    }
}
