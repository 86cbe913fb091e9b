//! Environment variables of an image: `NAME=value` texts whose names have no case.

/// The name of a text, and its value.
fn split(text: &str) -> (&str, &str) {
    text.split_once('=').unwrap_or((text, ""))
}

/// Whether two names are one variable on Windows.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// The value of a variable.
pub(crate) fn get<'a>(environment: &'a [String], name: &str) -> Option<&'a str> {
    environment.iter().map(|text| split(text)).find(|(known, _)| same(known, name)).map(|(_, value)| value)
}

/// Sets a variable in its place, or after all others. Names have no case.
pub fn set(environment: &mut Vec<String>, name: &str, value: &str) {
    let text = format!("{name}={value}");
    match environment.iter_mut().find(|text| same(split(text).0, name)) {
        Some(known) => *known = text,
        None => environment.push(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_case() {
        let mut environment = vec!["Path=a".to_owned(), "X=1=2".to_owned()];
        set(&mut environment, "PATH", "b");
        set(&mut environment, "New", "n");
        assert_eq!(environment, ["PATH=b", "X=1=2", "New=n"]);
        assert_eq!(
            (get(&environment, "path"), get(&environment, "x"), get(&environment, "y")),
            (Some("b"), Some("1=2"), None)
        );
    }
}
