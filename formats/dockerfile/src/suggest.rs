//! "Did you mean": the known word that is nearest to a mistyped one.

/// Words farther away than this are no suggestion.
const FARTHEST: usize = 2;
/// Longer words are not looked at.
const MAX_WORD: usize = 64;

/// The message, with the nearest of `known` after it.
pub(crate) fn with(message: String, word: &str, known: &[&str], prefix: &str) -> String {
    let lower = word.to_lowercase();
    let near = known.iter().map(|known| (distance(&lower, &known.to_lowercase()), known)).min();
    match near {
        Some((distance, known)) if (1..=FARTHEST).contains(&distance) => {
            format!("{message} (did you mean {prefix}{known}?)")
        }
        _ => message,
    }
}

/// Levenshtein's distance.
fn distance(one: &str, other: &str) -> usize {
    if one.len() > MAX_WORD || other.len() > MAX_WORD {
        return usize::MAX;
    }
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, left) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, right) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested() {
        assert_eq!(with("unknown".to_owned(), "FORM", &["FROM", "RUN"], ""), "unknown (did you mean FROM?)");
        assert_eq!(with("unknown".to_owned(), "nothing", &["FROM", "RUN"], ""), "unknown");
        assert_eq!((distance("kitten", "sitting"), distance("", "abc"), distance("a", "a")), (3, 3, 0));
    }
}
