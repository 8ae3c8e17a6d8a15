//! Names that are almost those that are known.

/// What may be meant by a name that is not known, as a sentence.
///
/// ```
/// use opencode_session::proto::provider::near::meant;
/// assert_eq!(meant("max_tokens", &["model", "maxTokens"]), "Did you mean maxTokens?");
/// assert_eq!(meant("x", &["model", "maxTokens"]), "There are model, maxTokens.");
/// ```
pub fn meant(name: &str, known: &[&str]) -> String {
    let name = plain(name);
    // Written in another way it is surely meant; else it may be any that is like it.
    let same: Vec<&str> = known.iter().filter(|each| plain(each) == name).copied().collect();
    let near = known.iter().filter(|each| is_near(&name, &plain(each)));
    let near = if same.is_empty() { near.copied().collect() } else { same };
    if near.is_empty() {
        ["There are ", &known.join(", "), "."].concat()
    } else {
        ["Did you mean ", &near.join(" or "), "?"].concat()
    }
}

fn plain(name: &str) -> Vec<u8> {
    let letters = name.bytes().filter(u8::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Most letters are the same, in the same order.
fn is_near(one: &[u8], other: &[u8]) -> bool {
    let (mut at, mut same) = (0, 0);
    for letter in one {
        if let Some(found) = other[at..].iter().position(|each| each == letter) {
            at += found + 1;
            same += 1;
        }
    }
    same * 10 > one.len().max(other.len()) * 7
}
