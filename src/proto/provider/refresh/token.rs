use super::machine::RefreshError;
use crate::proto::json::{Cursor, number};

/// A token is not sent in its last minute: it would expire on its way. Milliseconds.
pub const MARGIN: u64 = 60_000;
/// Without `expires_in` a token counts as good this long, milliseconds.
const UNTOLD: u64 = 300_000;
/// Longest token, bytes: it goes into a header.
const MAX_TOKEN: usize = 64 * 1024;

/// What a token endpoint gave. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// What requests carry.
    pub access: String,
    /// What gets the next one; empty: there is none.
    pub refresh: String,
    /// Until when `access` is good, on the clock of this machine.
    pub expires_at: u64,
    /// When it came.
    pub issued_at: u64,
    /// Grows with each refresh, so that of two the newer is known.
    pub generation: u64,
}

impl Tokens {
    /// Of a token that lives shorter than two minutes it is half of its life.
    pub(super) fn margin(&self) -> u64 {
        MARGIN.min(self.expires_at.saturating_sub(self.issued_at) / 2)
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Tokens {{ generation: {}, expires_at: {} }}",
            self.generation, self.expires_at
        )
    }
}

/// Reads the answer of a token endpoint that came at `now`. `expires_in` counts from here: clocks differ.
pub fn read_token_answer(status: u16, body: &[u8], now: u64) -> Result<Tokens, RefreshError> {
    let (mut access, mut refresh, mut error) = (String::new(), String::new(), String::new());
    let mut expires_in = UNTOLD;
    let mut cursor = Cursor::new(body);
    let read = cursor.object(&mut |key, value| {
        if key.is("expires_in") {
            // A number, or one in a string.
            let text = match value.peek() {
                Some(b'"') => value.string()?.to_text(),
                _ => String::from_utf8_lossy(value.raw()?).into_owned(),
            };
            if let Some(seconds) = number(&text) {
                expires_in = (seconds.max(0.0) * 1_000.0) as u64;
            }
            return Ok(());
        }
        let slot = match () {
            () if key.is("access_token") => &mut access,
            () if key.is("refresh_token") => &mut refresh,
            () if key.is("error") => &mut error,
            () => return Ok(()),
        };
        *slot = value.maybe_string()?.map(|text| text.to_text()).unwrap_or_default();
        Ok(())
    });
    let whole = read.and_then(|()| cursor.end()).is_ok();
    match status {
        200..=299 if whole && !access.is_empty() && access.len() <= MAX_TOKEN && refresh.len() <= MAX_TOKEN => {
            Ok(Tokens {
                access,
                refresh,
                expires_at: now.saturating_add(expires_in),
                issued_at: now,
                generation: 0,
            })
        }
        200..=299 => Err(RefreshError::InvalidResponse),
        // Of these the endpoint says that they are final.
        400 | 401
            if matches!(
                error.as_str(),
                "invalid_grant" | "invalid_client" | "unauthorized_client"
            ) =>
        {
            Err(RefreshError::LoginRequired)
        }
        _ => Err(RefreshError::Unavailable),
    }
}
