//! Objects as PowerShell prints them: `Name : value`, or a table.

use serde_json::Value;

/// JSON with indents.
pub(super) fn json(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// One object, a line for each member, in the order of the alphabet as Get-HnsNetwork has them.
pub(super) fn list(object: &Value) -> String {
    let members: Vec<(&String, &Value)> = object.as_object().into_iter().flatten().collect();
    let width = members.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines =
        members.into_iter().map(|(name, value)| format!("{name:width$} : {}", text(value)).trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// A table with a line for each object.
pub(super) fn table(objects: &[Value], columns: &[&str]) -> String {
    let rows: Vec<Vec<String>> =
        objects.iter().map(|object| columns.iter().map(|column| text(&object[*column])).collect()).collect();
    let width =
        |at: usize| rows.iter().map(|row| row[at].chars().count()).chain([columns[at].len()]).max().unwrap_or(0);
    let line = |cells: Vec<&str>| {
        let cells = cells.iter().enumerate().map(|(at, cell)| format!("{cell:<width$}", width = width(at)));
        cells.collect::<Vec<_>>().join(" ").trim_end().to_owned()
    };
    let rule: Vec<String> = columns.iter().map(|column| "-".repeat(column.len())).collect();
    let mut lines = vec![line(columns.to_vec()), line(rule.iter().map(String::as_str).collect())];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines.join("\n")
}

/// A value: objects as `@{Name=value; …}`, lists as `{…}`.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("{{{}}}", items.iter().map(text).collect::<Vec<_>>().join(", ")),
        Value::Object(members) if members.is_empty() => String::new(),
        Value::Object(members) => {
            let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}={}", inner(value))).collect();
            format!("@{{{}}}", members.join("; "))
        }
    }
}

/// What is inside an object is shown by its type where it is a list.
fn inner(value: &Value) -> String {
    if value.is_array() { "System.Object[]".to_owned() } else { text(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_look_as_in_powershell() {
        let network = json!({ "Name": "nat", "IPv6": false, "MacPools": [{ "EndMacAddress": "B", "StartMacAddress": "A" }],
            "Subnets": [{ "AddressPrefix": "192.168.48.0/20", "Policies": [], "Health": {} }], "TotalEndpoints": 5 });
        let expected = "IPv6           : False\n\
            MacPools       : {@{EndMacAddress=B; StartMacAddress=A}}\n\
            Name           : nat\n\
            Subnets        : {@{AddressPrefix=192.168.48.0/20; Health=; Policies=System.Object[]}}\n\
            TotalEndpoints : 5";
        assert_eq!(list(&network), expected);
        assert_eq!(table(&[network], &["Name", "TotalEndpoints"]), "Name TotalEndpoints\n---- --------------\nnat  5");
    }
}
