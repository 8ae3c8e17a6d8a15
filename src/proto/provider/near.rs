//! Names that are almost those that are known.

/// What may be meant by a name that is not known, as a sentence.
///
/// ```
/// use opencode_session::proto::provider::near::meant;
/// assert_eq!(meant("max_tokens", &["model", "maxTokens"]), "Did you mean maxTokens?");
/// assert_eq!(meant("x", &["model", "maxTokens"]), "There are model, maxTokens.");
/// ```
pub fn meant(name: &str, known: &[&str]) -> String {
    let name = name.to_ascii_lowercase();
    let near = |each: &&&str| is_near(name.as_bytes(), each.to_ascii_lowercase().as_bytes());
    let near: Vec<&str> = known.iter().filter(near).copied().collect();
    if near.is_empty() {
        ["There are ", &known.join(", "), "."].concat()
    } else {
        ["Did you mean ", &near.join(" or "), "?"].concat()
    }
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
