//! Durations as Go writes them: `1h2m3.5s`.

/// Parses a duration into nanoseconds.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", crate::go::quote(text));
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(|| missing_unit(text))?;
        let (number, after) = rest.split_at(end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let scale: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => {
                let (unit, text) = (crate::go::quote(unit), crate::go::quote(text));
                return Err(format!("time: unknown unit {unit} in duration {text}"));
            }
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || number.len() > 18 || fraction.contains('.') {
            return Err(invalid());
        }
        let digits = |digits: &str| if digits.is_empty() { Ok(0) } else { digits.parse::<i128>() };
        let parts = digits(whole).and_then(|whole| Ok((whole, digits(fraction)?))).map_err(|_| invalid())?;
        let divisor = 10_i128.pow(u32::try_from(fraction.len()).map_err(|_| invalid())?);
        total += parts.0 * scale + parts.1 * scale / divisor;
        rest = after;
    }
    let signed = if negative { -total } else { total };
    i64::try_from(signed).map_err(|_| invalid())
}

fn missing_unit(text: &str) -> String {
    format!("time: missing unit in duration {}", crate::go::quote(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        assert_eq!(parse("1h2m3.5s"), Ok(3_723_500_000_000));
        assert_eq!((parse("0"), parse("5ms"), parse("-1s")), (Ok(0), Ok(5_000_000), Ok(-1_000_000_000)));
        assert_eq!(parse("5"), Err("time: missing unit in duration \"5\"".to_owned()));
        assert_eq!(parse("5x"), Err("time: unknown unit \"x\" in duration \"5x\"".to_owned()));
        for text in ["", "-", ".s", "1.2.3s", "99999999999999999999h", "é", "9999999999999h"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
