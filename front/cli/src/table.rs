//! Tables as Docker's client prints them: columns three blanks apart, ages and sizes in words.

use std::fmt::Write;

/// Blanks between two columns.
const GAP: usize = 3;

/// Lays out rows under their headings.
pub fn render(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let headings: Vec<String> = headings.iter().map(ToString::to_string).collect();
    for row in std::iter::once(&headings).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}{:GAP$}", "");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The time between an RFC 3339 timestamp and now, in words: `5 minutes`.
pub fn age(timestamp: &str, now: jiff::Timestamp) -> String {
    let Ok(then) = timestamp.parse::<jiff::Timestamp>() else { return "an unknown time".to_owned() };
    let seconds = now.as_second().saturating_sub(then.as_second()).max(0);
    let (minutes, hours) = ((seconds + 30) / 60, (seconds + 1800) / 3600);
    match seconds {
        0 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".to_owned(),
        120..2_700 => format!("{minutes} minutes"),
        2_700..5_400 => "About an hour".to_owned(),
        5_400..172_800 => format!("{hours} hours"),
        172_800..1_209_600 => format!("{} days", seconds / 86_400),
        1_209_600..5_184_000 => format!("{} weeks", seconds / 604_800),
        5_184_000..63_072_000 => format!("{} months", seconds / 2_592_000),
        _ => format!("{} years", seconds / 31_536_000),
    }
}

/// A number of bytes in decimal units with three digits: `31.5MB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let places = if unit == 0 || value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.places$}{}", UNITS[unit])
}

/// At most `limit` characters, the last one an ellipsis when some are cut.
pub fn shortened(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".to_owned(), "long cell".to_owned(), "x".to_owned()]];
        assert_eq!(render(&["ONE", "TWO", "THREE"], &rows), "ONE   TWO         THREE\na     long cell   x\n");
    }

    #[test]
    fn ages_are_words() {
        let now: jiff::Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        assert_eq!(age("2026-01-01T23:59:55.5Z", now), "5 seconds");
        assert_eq!(age("2026-01-01T23:55:00Z", now), "5 minutes");
        assert_eq!(age("2026-01-01T00:00:00Z", now), "24 hours");
        assert_eq!(age("2027-01-01T00:00:00Z", now), "Less than a second");
        assert_eq!(age("nonsense", now), "an unknown time");
    }

    #[test]
    fn sizes_have_three_digits() {
        assert_eq!(size(0), "0B");
        assert_eq!(size(31_500_000), "31.5MB");
        assert_eq!(size(1_234), "1.23kB");
        assert_eq!(size(999_000_000_000), "999GB");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(shortened("abcdef", 4), "abc…");
        assert_eq!(shortened("äöü", 3), "äöü");
    }
}
