//! The JSON reader and writer against serde_json: what that accepts, ours accepts, with the same result.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use opencode_session::proto::json::{Bad, Cursor, Object, Unescape, quote};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn cases(count: u32) -> ProptestConfig {
    ProptestConfig {
        cases: count,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Reads a whole value through every door of the cursor.
fn read(cursor: &mut Cursor<'_>) -> Result<Value, Bad> {
    Ok(match cursor.peek().ok_or(Bad)? {
        b'"' => json!(cursor.string()?.to_text()),
        b'{' => {
            let mut map = Map::new();
            cursor.object(&mut |key, value| {
                map.insert(key.to_text(), read(value)?);
                Ok(())
            })?;
            Value::Object(map)
        }
        b'[' => {
            let mut list = Vec::new();
            cursor.array(&mut |value| {
                list.push(read(value)?);
                Ok(())
            })?;
            Value::Array(list)
        }
        _ => {
            let raw = cursor.raw()?;
            serde_json::from_slice(raw).unwrap_or(Value::Null)
        }
    })
}

fn whole(bytes: &[u8]) -> Result<Value, Bad> {
    let mut cursor = Cursor::new(bytes);
    let value = read(&mut cursor)?;
    cursor.end()?;
    Ok(value)
}

fn skips(bytes: &[u8]) -> bool {
    let mut cursor = Cursor::new(bytes);
    cursor.skip().is_ok() && cursor.end().is_ok()
}

/// Whatever the bytes are: no panic, both ways of reading agree, and what serde_json accepts is read alike.
fn agree(bytes: &[u8]) {
    let ours = whole(bytes);
    assert_eq!(ours.is_ok(), skips(bytes), "{}", bytes.escape_ascii());
    if let Ok(theirs) = serde_json::from_slice::<Value>(bytes) {
        assert_eq!(ours, Ok(theirs), "{}", bytes.escape_ascii());
    }
}

fn text() -> impl Strategy<Value = String> {
    let plain = "[a-z]{0,12}";
    let hostile = prop::collection::vec(
        prop::sample::select(vec![
            "\"",
            "\\",
            "\\u",
            "👩\u{200d}🚀",
            "\u{0}",
            "\u{1f}",
            "\n",
            "é",
            "漢",
            "\u{feff}",
            "\u{2028}",
            "/",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ]),
        0..6,
    )
    .prop_map(|pieces| pieces.concat());
    prop_oneof![plain.prop_map(String::from), hostile, any::<String>()]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Spells a value in one of its many ways: spaces, and escapes for any letter.
fn spell(value: &Value, random: &mut impl FnMut() -> u32, out: &mut String) {
    let mut space = |out: &mut String| out.push_str(["", "", "", " ", "\n", "\t\r "][random() as usize % 6]);
    space(out);
    match value {
        Value::String(text) => spell_text(text, random, out),
        Value::Array(list) => {
            out.push('[');
            for (at, item) in list.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                spell(item, random, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (at, (key, item)) in map.iter().enumerate() {
                out.push_str(if at > 0 { " ,\n" } else { "" });
                spell_text(key, random, out);
                out.push_str([":", " : "][random() as usize % 2]);
                spell(item, random, out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
    out.push_str(["", " "][random() as usize % 2]);
}

fn spell_text(text: &str, random: &mut impl FnMut() -> u32, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        let must = letter < ' ' || letter == '"' || letter == '\\';
        if must || random().is_multiple_of(4) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let code = format!("\\u{unit:04x}");
                out.push_str(&if random().is_multiple_of(2) {
                    code.to_uppercase().replace("\\U", "\\u")
                } else {
                    code
                });
            }
        } else {
            out.push(letter);
        }
    }
    out.push('"');
}

fn random(mut state: u32) -> impl FnMut() -> u32 {
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    }
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn every_spelling_of_a_value_is_read_as_serde_reads_it(value in value(), seed: u32) {
        let mut spelled = String::new();
        spell(&value, &mut random(seed), &mut spelled);
        prop_assert_eq!(serde_json::from_str::<Value>(&spelled).unwrap(), value.clone());
        prop_assert_eq!(whole(spelled.as_bytes()), Ok(value));
        prop_assert!(skips(spelled.as_bytes()));
        let raw = Cursor::new(spelled.as_bytes()).raw().unwrap();
        prop_assert_eq!(raw, spelled.trim_matches([' ', '\n', '\t', '\r']).as_bytes());
    }

    #[test]
    fn fields_are_given_raw_and_in_order(map in prop::collection::vec((text(), value()), 0..8), seed: u32) {
        let mut next = random(seed);
        let mut spelled = String::from("{");
        let mut want = Vec::new();
        for (at, (key, value)) in map.iter().enumerate() {
            spelled.push_str(if at > 0 { "," } else { "" });
            spell_text(key, &mut next, &mut spelled);
            spelled.push(':');
            let from = spelled.len();
            spell(value, &mut next, &mut spelled);
            want.push((key.clone(), spelled[from..].trim_matches([' ', '\n', '\t', '\r']).to_owned()));
        }
        spelled.push('}');
        let mut got = Vec::new();
        let mut count = 0;
        Cursor::new(spelled.as_bytes()).object(&mut |key, value| {
            count += 1;
            // What the visitor leaves is skipped.
            if count % 3 == 0 {
                got.push((key.to_text(), None));
            } else {
                got.push((key.to_text(), Some(String::from_utf8(value.raw()?.to_vec()).unwrap())));
            }
            Ok(())
        }).unwrap();
        prop_assert_eq!(got.len(), want.len());
        for ((key, raw), (want_key, want_raw)) in got.iter().zip(&want) {
            prop_assert_eq!(key, want_key);
            prop_assert!(raw.as_ref().is_none_or(|raw| raw == want_raw));
        }
    }

    #[test]
    fn mutations_never_panic_and_serde_is_not_stricter(
        value in value(), seed: u32, edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..4),
    ) {
        let mut spelled = String::new();
        spell(&value, &mut random(seed), &mut spelled);
        let mut bytes = spelled.into_bytes();
        for (at, byte, kind) in edits {
            if bytes.is_empty() { break }
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => { bytes.remove(at); }
                2 => bytes.insert(at, b"{}[]\",:\\ue0-+.19 tfn"[usize::from(byte) % 20]),
                _ => bytes.truncate(at),
            }
        }
        agree(&bytes);
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\",:\\ue0-+.19 tfn".to_vec())], 0..80)) {
        agree(&bytes);
        let mut cursor = Cursor::new(&bytes);
        let _ = cursor.maybe_integer();
        let _ = Cursor::new(&bytes).maybe_string();
    }

    #[test]
    fn what_is_written_is_read_back(fields in prop::collection::vec((text(), text(), any::<i64>()), 0..5)) {
        let mut object = Object::new();
        let mut want = Map::new();
        for (at, (key, text, number)) in fields.iter().enumerate() {
            object.text(&format!("{at}{key}"), text).number(&format!("{key}{at}n"), *number).raw(&format!("{at}{key}r"), "[null]");
            want.insert(format!("{at}{key}"), json!(text));
            want.insert(format!("{key}{at}n"), json!(number));
            want.insert(format!("{at}{key}r"), json!([null]));
        }
        prop_assert_eq!(serde_json::from_str::<Value>(&object.end()).unwrap(), Value::Object(want));
    }

    #[test]
    fn strings_cut_between_the_halves_of_a_pair_join(text in text(), seed: u32) {
        // All letters as UTF-16 escapes, cut anywhere between two escapes.
        let mut next = random(seed);
        let mut joined = String::new();
        let mut join = Unescape::default();
        let mut piece = String::from("\"");
        for unit in text.encode_utf16() {
            piece.push_str(&format!("\\u{unit:04x}"));
            if next().is_multiple_of(3) {
                piece.push('"');
                join.push(Cursor::new(piece.as_bytes()).string().unwrap(), &mut joined);
                piece = String::from("\"");
            }
        }
        piece.push('"');
        join.push(Cursor::new(piece.as_bytes()).string().unwrap(), &mut joined);
        join.finish(&mut joined);
        prop_assert_eq!(joined, text);
    }

    #[test]
    fn whole_numbers_are_read(number: i64, tail in prop::sample::select(vec!["", ".5", "e0", " "])) {
        let spelled = format!("{number}{tail}");
        let read = Cursor::new(spelled.as_bytes()).maybe_integer();
        let close = number == i64::MIN || read == Ok(Some(number));
        prop_assert!(close, "{:?}", read);
    }
}

#[test]
fn deep_nesting_is_skipped_without_bound_and_visited_to_one() {
    let nest = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
    let objects = |depth: usize| ["{\"a\":".repeat(depth), "1".into(), "}".repeat(depth)].concat();
    for depth in [1, 100, 120, 200, 256] {
        assert!(
            skips(nest(depth).as_bytes()) && skips(objects(depth).as_bytes()),
            "{depth}"
        );
    }
    for depth in [63, 64, 65, 127, 128, 129, 257, 1_000, 1_000_000] {
        assert!(
            skips(nest(depth).as_bytes()) && skips(objects(depth).as_bytes()),
            "{depth}"
        );
        let mixed = ["[{\"a\":".repeat(depth), "1".into(), "}]".repeat(depth)].concat();
        assert!(skips(mixed.as_bytes()), "{depth}");
        for end in ["]}", "}", "]", "}]]"] {
            assert!(
                !skips([&mixed[..mixed.len() - 2], end].concat().as_bytes()),
                "{depth} {end}"
            );
        }
    }
    assert!(whole(nest(256).as_bytes()).is_ok() && whole(nest(257).as_bytes()).is_err());
    // Depth is counted down again.
    assert!(skips(["[", &vec![nest(200); 5].join(","), "]"].concat().as_bytes()));
}

#[test]
fn a_half_pair_without_its_other_half_becomes_a_replacement() {
    let text = |json: &str| Cursor::new(json.as_bytes()).string().unwrap().to_text();
    assert_eq!(text(r#""\ud83d""#), "\u{fffd}");
    assert_eq!(text(r#""\udc69x""#), "\u{fffd}x");
    assert_eq!(text(r#""\ud83d\ud83d\ude80""#), "\u{fffd}🚀");
    assert_eq!(text(r#""\ud83dx\ude80""#), "\u{fffd}x\u{fffd}");
    assert_eq!(text(r#""\ud83d\n""#), "\u{fffd}\n");
    assert_eq!(
        Cursor::new(b"\"\xff\xfe\"").string().unwrap().to_text(),
        "\u{fffd}\u{fffd}"
    );
}

#[test]
fn an_escaped_key_is_the_key() {
    let mut found = 0;
    Cursor::new(br#"{"\u0074ype":1,"type":2,"typ\\e":3}"#)
        .object(&mut |key, _| {
            found += usize::from(key.is("type"));
            Ok(())
        })
        .unwrap();
    assert_eq!(found, 2);
}

#[test]
fn quoting_escapes_what_it_must() {
    let mut out = String::new();
    let all: String = (0..0x100_u32).filter_map(char::from_u32).collect();
    quote(&all, &mut out);
    assert_eq!(serde_json::from_str::<String>(&out).unwrap(), all);
}

#[test]
fn numbers_are_those_of_the_standard_library() {
    use opencode_session::proto::json::number;
    for text in [
        "0",
        "-0",
        "1",
        "0.1",
        "12.5",
        "1e3",
        "1E-3",
        "2.5e+2",
        "0.000000075",
        "123456789012345",
        "9007199254740991",
        "5.",
        ".5",
        "1e22",
        "1e-22",
    ] {
        assert_eq!(number(text), text.parse().ok(), "{text}");
    }
    for text in [
        "", "-", ".", "e1", "1e", "1e+", "1.2.3", "0x1", "inf", "nan", "1 ", "+1", "1e1e1", "--1",
    ] {
        assert_eq!(number(text), None, "{text}");
    }
    assert_eq!(number("1e999"), Some(f64::INFINITY));
    assert_eq!(number("1e-999999999999"), Some(0.0));
    // Up to 15 digits exactly; beyond, to the last bits.
    let mut state = 7_u64;
    for _ in 0..50_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let digits = state >> 32 & 0xffff_ffff;
        let scale = (state >> 8) % 22;
        let text = format!("{digits}e-{scale}");
        assert_eq!(number(&text), text.parse().ok(), "{text}");
        let long = format!("{state}{digits}.{digits}e{scale}");
        let (ours, theirs): (f64, f64) = (number(&long).unwrap(), long.parse().unwrap());
        assert!((ours / theirs - 1.0).abs() < 1e-14, "{long}: {ours} {theirs}");
    }
}
