//! `HKLM\SYSTEM\CurrentControlSet`: a link that Windows makes at each start from the numbers in `Select`, and that Wine
//! keeps in its file.

use crate::registry::{Name, Tree, Value};
use casement_hive::Flags;

const LINK: &str = "CurrentControlSet";
const SELECT: &str = "Select";
/// The value of a link that has its target.
const TARGET: &str = "SymbolicLinkValue";
/// The target without the three digits of the number.
const CONTROL_SET: &str = r"\Registry\Machine\System\ControlSet";
/// Control sets have three digits.
const MOST: u32 = 999;

/// Puts the number of the control set that Wine's link names into `Select`, in place of the link. A link to elsewhere, and
/// a key that is none, stay.
pub(super) fn select(system: &mut Tree) {
    let link = Name::from(LINK);
    let Some((number, time)) = system.root.subkey(&link).filter(|key| key.flags.is_link()).and_then(|key| {
        let target = String::from_utf16(&key.value(&Name::from(TARGET))?.units()).ok()?;
        let (path, digits) = target.split_at_checked(CONTROL_SET.len())?;
        let number = digits.parse().ok().filter(|_| digits.len() == 3 && path.eq_ignore_ascii_case(CONTROL_SET))?;
        Some((number, key.time))
    }) else {
        return;
    };
    system.root.remove_subkey(&link);
    let current = Name::from("Current");
    match system.root.subkey_mut(&Name::from(SELECT)) {
        Some(select) if select.value(&current).and_then(Value::as_dword) == Some(number) => {}
        Some(select) => select.set_value(current, Value::dword(number)),
        None => {
            let select = system.root.create_subkey(Name::from(SELECT));
            select.time = time;
            for (name, number) in [("Current", number), ("Default", number), ("Failed", 0), ("LastKnownGood", number)] {
                select.set_value(Name::from(name), Value::dword(number));
            }
        }
    }
}

/// Makes the link from the number in `Select`, unless there is one or the control set is missing.
pub(super) fn link(system: &mut Tree) {
    let link = Name::from(LINK);
    let number = system.root.subkey(&Name::from(SELECT)).and_then(|key| key.value(&Name::from("Current"))?.as_dword());
    let Some(number) = number.filter(|number| *number <= MOST && system.root.subkey(&link).is_none()) else { return };
    let Some(time) = system.key(&format!("ControlSet{number:03}")).map(|key| key.time) else { return };
    let key = system.root.create_subkey(link);
    key.time = time;
    key.flags.node |= Flags::LINK;
    key.set_value(Name::from(TARGET), Value::link(&format!("{CONTROL_SET}{number:03}")));
}
