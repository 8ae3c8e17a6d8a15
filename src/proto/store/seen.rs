use crate::proto::bytes::hash;

/// Remembers the last ids, to drop repeated events (rule M6). Bounded: the oldest is forgotten first.
#[derive(Debug)]
pub struct Seen {
    ring: Vec<u64>,
    next: usize,
    /// Open addressing over ring positions + 1; 0 is free.
    table: Vec<u32>,
    limit: usize,
}

impl Seen {
    /// Remembers at most `limit` ids.
    pub fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, 1 << 20);
        Seen {
            ring: Vec::new(),
            next: 0,
            table: vec![0; (limit * 2).next_power_of_two()],
            limit,
        }
    }

    /// Notes an id; `false` when it was there already.
    pub fn insert(&mut self, id: &[u8]) -> bool {
        let key = hash(id);
        let at = self.slot(key);
        if self.table[at] != 0 {
            return false;
        }
        if self.ring.len() < self.limit {
            self.ring.push(key);
        } else {
            let old = self.ring[self.next];
            self.forget(old);
            self.ring[self.next] = key;
        }
        let at = self.slot(key);
        self.table[at] = self.next as u32 + 1;
        self.next = (self.next + 1) % self.limit;
        true
    }

    /// Forgets all ids.
    pub fn clear(&mut self) {
        *self = Seen::new(self.limit);
    }

    /// Whether the id was noted and not forgotten.
    pub fn contains(&self, id: &[u8]) -> bool {
        self.table[self.slot(hash(id))] != 0
    }

    /// Where `key` is, or the free slot where it would go.
    fn slot(&self, key: u64) -> usize {
        let mask = self.table.len() - 1;
        let mut at = key as usize & mask;
        while self.table[at] != 0 && self.ring[self.table[at] as usize - 1] != key {
            at = (at + 1) & mask;
        }
        at
    }

    /// Removes `key` and closes the hole, so that no later key of its run is lost.
    fn forget(&mut self, key: u64) {
        let mask = self.table.len() - 1;
        let mut hole = self.slot(key);
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            if self.table[at] == 0 {
                break;
            }
            let home = self.ring[self.table[at] as usize - 1] as usize & mask;
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.table[hole] = self.table[at];
                hole = at;
            }
        }
        self.table[hole] = 0;
    }
}
