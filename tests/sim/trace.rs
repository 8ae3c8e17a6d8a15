//! What is kept of a run beside its verdict.

/// What is kept of a run beside its verdict.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) on: bool,
    pub(crate) print: bool,
    pub(crate) hash: u64,
}

impl Trace {
    pub(crate) fn note(&mut self, now: u64, what: &dyn std::fmt::Debug) {
        let text = format!("{now} {what:?}");
        self.hash = text.bytes().fold(self.hash, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        if self.print {
            println!("{}", readable(&text));
        }
    }
}

/// Byte lists in a debug text, as the text that they are.
fn readable(text: &str) -> String {
    let mut out = String::new();
    for (at, piece) in text.split('[').enumerate() {
        let (list, rest) = piece.split_once(']').unwrap_or(("", piece));
        let bytes: Option<Vec<u8>> = list.split(", ").map(|number| number.parse().ok()).collect();
        match bytes.filter(|_| at > 0) {
            Some(bytes) => out += &format!("{}{rest}", String::from_utf8_lossy(&bytes).escape_debug()),
            None if at > 0 => out += &format!("[{piece}"),
            None => out += piece,
        }
    }
    out
}
