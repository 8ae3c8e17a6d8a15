//! What servers say about waiting, in every dialect, and what is made of it.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use opencode_session::proto::retry::{
    Dimension, Failed, MAX_WAIT, Rate, Rates, Retries, RetryLimits, Verdict, moment, retry_after,
};
use opencode_session::proto::rng::Rng;
use proptest::prelude::*;

/// 27 November 2026, 20:00:00 UTC.
const NOW: u64 = 1_795_809_600_000;

fn read(headers: &[(&str, &str)]) -> Rates {
    Rates::read(headers.iter().copied(), NOW)
}

fn rate(rates: &Rates, dimension: Dimension) -> &Rate {
    rates.rates.iter().find(|rate| rate.dimension == dimension).unwrap()
}

#[test]
fn moments_by_their_shape() {
    for (text, wait) in [
        ("0", 0),
        ("30", 30_000),
        ("7.66", 7_660),
        ("277403", 277_403_000),
        ("1s", 1_000),
        ("6m0s", 360_000),
        ("20ms", 20),
        ("2m59.56s", 179_560),
        ("7.66s", 7_660),
        ("1h30m", 5_400_000),
        ("1d2h", 93_600_000),
        ("500us", 1),
        ("1795809610", 10_000),
        ("1795809610000", 10_000),
        ("1795809610.5", 10_500),
        ("Fri, 27 Nov 2026 20:01:00 GMT", 60_000),
        ("2026-11-27T20:01:00Z", 60_000),
        ("2026-11-27 20:01:00.25Z", 60_250),
        ("2026-11-27T21:01:00+01:00", 60_000),
        ("2026-11-27T15:31:00-04:30", 60_000),
        ("\"2026-11-27T20:01:00\"", 60_000),
        ("  12 ", 12_000),
    ] {
        assert_eq!(moment(text, NOW), Some(NOW + wait), "{text}");
    }
    for text in [
        "",
        "-1",
        "soon",
        "1x",
        "m",
        "1.2.3",
        "inf",
        "nan",
        "1e3",
        "+5",
        "--",
        "2026-13-01T00:00:00Z",
        "2026-11-27T25:00:00Z",
        "2026-11-27",
        "Fri, 27 Nox 2026 20:01:00 GMT",
        "1s5",
        "٣",
    ] {
        assert_eq!(moment(text, NOW), None, "{text}");
    }
}

#[test]
fn past_moments_are_told_as_they_are() {
    assert_eq!(moment("2020-01-01T00:00:00Z", NOW), Some(1_577_836_800_000));
    assert_eq!(moment("1577836800", NOW), Some(1_577_836_800_000));
    // As a wait it is none.
    assert_eq!(
        read(&[("retry-after", "Wed, 01 Jan 2020 00:00:00 GMT")]).retry_at,
        Some(NOW)
    );
    assert_eq!(retry_after("Wed, 01 Jan 2020 00:00:00 GMT", NOW), Some(0));
}

#[test]
fn openai_and_groq() {
    let rates = read(&[
        ("X-RateLimit-Limit-Requests", "14400"),
        ("x-ratelimit-limit-tokens", "18000"),
        ("x-ratelimit-remaining-requests", "14370"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-requests", "2m59.56s"),
        ("x-ratelimit-reset-tokens", "7.66s"),
        ("content-type", "text/event-stream"),
    ]);
    let requests = rate(&rates, Dimension::Requests);
    assert_eq!((requests.limit, requests.remaining), (Some(14_400), Some(14_370)));
    assert_eq!(rate(&rates, Dimension::Tokens).limit, Some(18_000));
    // Only of what nothing is left.
    assert_eq!(rates.wait_until(), Some(NOW + 7_660));
    assert_eq!(rates.rates.len(), 2);
}

#[test]
fn azure() {
    let rates = read(&[
        ("x-ratelimit-remaining-requests", "-1"),
        ("retry-after", "1"),
        ("retry-after-ms", "250"),
        ("x-ratelimit-remaining-tokens", "0"),
    ]);
    assert_eq!(rates.retry_at, Some(NOW + 250), "the finer one wins");
    assert_eq!(rates.rates.len(), 1, "-1 says nothing");
    let rates = read(&[("x-ratelimit-remaining-tokens", "0")]);
    assert_eq!(rates.wait_until(), None, "no reset, no wait");
}

#[test]
fn mistral() {
    let rates = read(&[
        ("x-ratelimitbysize-limit-minute", "500000"),
        ("x-ratelimitbysize-remaining-minute", "0"),
        ("ratelimitbysize-reset", "46"),
    ]);
    let tokens = rate(&rates, Dimension::Tokens);
    assert_eq!((tokens.window, tokens.limit), (Some(60_000), Some(500_000)));
    assert_eq!(rates.wait_until(), Some(NOW + 46_000));
}

#[test]
fn together() {
    let rates = read(&[
        ("x-ratelimit-limit", "10"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1"),
        ("x-tokenlimit-limit", "3000"),
        ("x-tokenlimit-remaining", "2990"),
    ]);
    assert_eq!(rates.wait_until(), Some(NOW + 1_000));
    assert_eq!(rate(&rates, Dimension::Tokens).remaining, Some(2_990));
}

#[test]
fn openrouter_tells_milliseconds() {
    let reset = (NOW + 5_000).to_string();
    let rates = read(&[
        ("X-RateLimit-Limit", "20"),
        ("X-RateLimit-Remaining", "0"),
        ("X-RateLimit-Reset", &reset),
    ]);
    assert_eq!(rates.wait_until(), Some(NOW + 5_000));
}

#[test]
fn anthropic() {
    let rates = read(&[
        ("anthropic-ratelimit-requests-remaining", "3"),
        ("anthropic-ratelimit-input-tokens-remaining", "0"),
        ("anthropic-ratelimit-input-tokens-reset", "2026-11-27T20:00:09Z"),
        ("anthropic-ratelimit-output-tokens-limit", "8000"),
    ]);
    assert_eq!(rates.wait_until(), Some(NOW + 9_000));
    assert_eq!(rate(&rates, Dimension::OutputTokens).limit, Some(8_000));
}

#[test]
fn the_drafts() {
    let rates = read(&[
        ("RateLimit-Limit", "100, 100;w=60"),
        ("RateLimit-Remaining", "0"),
        ("RateLimit-Reset", "30"),
    ]);
    assert_eq!(rate(&rates, Dimension::Requests).limit, Some(100));
    assert_eq!(rates.wait_until(), Some(NOW + 30_000));

    let rates = read(&[("ratelimit", "limit=100, remaining=0, reset=12")]);
    assert_eq!(rates.wait_until(), Some(NOW + 12_000));

    let rates = read(&[
        ("RateLimit-Policy", "\"default\";q=1000;w=300, \"tokens\";q=90;w=60"),
        ("RateLimit", "\"default\";r=998;t=241, \"tokens\";r=0;t=5"),
    ]);
    let requests = rate(&rates, Dimension::Requests);
    assert_eq!(requests.name, "default");
    assert_eq!(
        (requests.window, requests.limit, requests.remaining),
        (Some(300_000), Some(1_000), Some(998))
    );
    assert_eq!(rates.wait_until(), Some(NOW + 5_000));
}

#[test]
fn windows_in_names() {
    let rates = read(&[
        ("x-ratelimit-remaining-requests-day", "0"),
        ("x-ratelimit-reset-requests-day", "4000"),
        ("x-ratelimit-remaining-requests-minute", "9"),
        ("x-ratelimit-reset-requests-minute", "3"),
    ]);
    assert_eq!(rates.rates.len(), 2);
    assert_eq!(rates.wait_until(), Some(NOW + 4_000_000));
}

#[test]
fn copies_of_a_gateway_come_second() {
    let rates = read(&[
        ("llm_provider-retry-after", "60"),
        ("llm_provider-x-ratelimit-remaining-tokens", "0"),
        ("llm_provider-x-ratelimit-reset-tokens", "1s"),
        ("x-ratelimit-remaining-requests", "5"),
    ]);
    assert_eq!(rates.retry_at, Some(NOW + 60_000));
    assert_eq!(rate(&rates, Dimension::Requests).remaining, Some(5));
    let own = read(&[("llm_provider-retry-after", "60"), ("retry-after", "2")]);
    assert_eq!(own.retry_at, Some(NOW + 2_000));
}

fn again(verdict: Verdict) -> u64 {
    match verdict {
        Verdict::Again { at } => at,
        other => panic!("{other:?}"),
    }
}

#[test]
fn days_are_an_error_and_no_wait() {
    let wait_until = read(&[("retry-after", "277403")]).wait_until();
    let mut retries = Retries::new(RetryLimits::default());
    for produced in [false, true] {
        let failed = Failed {
            status: 429,
            wait_until,
            produced,
            ..Failed::default()
        };
        assert_eq!(
            retries.handle_failed(failed, NOW, &mut Rng::new(1)),
            Verdict::Quota {
                retry_at: Some(NOW + 277_403_000)
            }
        );
    }
    // At the limit it is a wait.
    let failed = Failed {
        status: 429,
        wait_until: Some(NOW + MAX_WAIT),
        ..Failed::default()
    };
    assert!(again(retries.handle_failed(failed, NOW, &mut Rng::new(1))) >= NOW + MAX_WAIT);
}

#[test]
fn what_may_be_repeated() {
    let judge = |failed: Failed| Retries::new(RetryLimits::default()).handle_failed(failed, NOW, &mut Rng::new(7));
    for status in [0, 408, 425, 429, 500, 502, 503, 504, 524, 529] {
        assert!(
            again(judge(Failed {
                status,
                ..Failed::default()
            })) >= NOW,
            "{status}"
        );
        let produced = Failed {
            status,
            produced: true,
            ..Failed::default()
        };
        assert_eq!(judge(produced), Verdict::Final, "{status} after text");
    }
    for status in [400, 401, 402, 403, 404, 409, 413, 422, 501, 505] {
        assert_eq!(
            judge(Failed {
                status,
                ..Failed::default()
            }),
            Verdict::Final,
            "{status}"
        );
    }
    // The server's own word.
    let no = Failed {
        status: 503,
        should_retry: Some(false),
        ..Failed::default()
    };
    assert_eq!(judge(no), Verdict::Final);
    let yes = Failed {
        status: 409,
        should_retry: Some(true),
        ..Failed::default()
    };
    assert!(again(judge(yes)) > NOW);
    let spent = Failed {
        status: 429,
        spent: true,
        ..Failed::default()
    };
    assert_eq!(judge(spent), Verdict::Quota { retry_at: None });
}

#[test]
fn tries_end_and_waits_grow() {
    let limits = RetryLimits {
        max_tries: 6,
        ..RetryLimits::default()
    };
    let mut longest = [0_u64; 5];
    for seed in 0..2_000 {
        let (mut retries, mut rng) = (Retries::new(limits.clone()), Rng::new(seed));
        for (at, longest) in longest.iter_mut().enumerate() {
            let wait = again(retries.handle_failed(
                Failed {
                    status: 503,
                    ..Failed::default()
                },
                NOW,
                &mut rng,
            )) - NOW;
            assert!((500..=1_000 << at).contains(&wait), "try {at}: {wait}");
            *longest = wait.max(*longest);
        }
        let last = retries.handle_failed(
            Failed {
                status: 503,
                ..Failed::default()
            },
            NOW,
            &mut rng,
        );
        assert_eq!(last, Verdict::Final);
    }
    // Jitter over the whole width, and a cap that doubles.
    assert!(
        longest
            .iter()
            .enumerate()
            .all(|(at, longest)| *longest > (1_000 << at) * 9 / 10),
        "{longest:?}"
    );
}

#[test]
fn what_was_asked_for_is_waited_for() {
    for seed in 0..200 {
        let mut retries = Retries::new(RetryLimits::default());
        let failed = Failed {
            status: 429,
            wait_until: Some(NOW + 9_000),
            ..Failed::default()
        };
        let at = again(retries.handle_failed(failed, NOW, &mut Rng::new(seed)));
        assert!((NOW + 9_000..=NOW + 9_500).contains(&at), "{at}");
    }
}

proptest! {
    #[test]
    fn nothing_breaks_it(name in "[a-zA-Z_-]{0,40}", value in ".{0,60}", now in any::<u64>()) {
        let _ = moment(&value, now);
        let names = ["retry-after", "retry-after-ms", "ratelimit", "ratelimit-policy", "x-ratelimit-reset-tokens", "x-should-retry", &name];
        let rates = Rates::read(names.iter().map(|name| (*name, value.as_str())), now);
        prop_assert!(rates.rates.len() <= 16);
        let failed = Failed { status: 429, wait_until: rates.wait_until(), ..Failed::default() };
        let _ = Retries::new(RetryLimits::default()).handle_failed(failed, now, &mut Rng::new(now));
    }

    #[test]
    fn durations_and_dates_come_back(seconds in 0_u64..100_000_000) {
        let text = format!("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60);
        prop_assert_eq!(moment(&text, NOW), Some(NOW + seconds * 1_000));
    }

    #[test]
    fn digits_and_words_of_dates(text in "[0-9TZ:+. -]{0,30}|[0-9.]{0,12}(ms|s|m|h|µs|d)[0-9.a-z]{0,6}|[A-Z][a-z]{2}, [0-9]{2} [A-Za-z]{3} [0-9]{4} .{8} GMT") {
        let _ = moment(&text, NOW);
    }
}
