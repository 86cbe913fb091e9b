//! The registry of a base image: what Wine made, without what slows a container down, differs from build to build
//! or belongs to this machine, and with the version of Windows that the image stands for.

use super::Flavour;
use casement_nt::WindowsBuild;
use casement_nt::registry::{Registry, Value};

const CURRENT_VERSION: &str = r"Software\Microsoft\Windows NT\CurrentVersion";
const CONTROL: &str = r"System\ControlSet001\Control";
const SERVICES: &str = r"System\ControlSet001\Services";
const ENVIRONMENT: &str = r"System\ControlSet001\Control\Session Manager\Environment";
/// Stands for the GUID that each container gets of its own; the store replaces it.
const NO_GUID: &str = "00000000-0000-0000-0000-000000000000";

/// `SERVICE_AUTO_START` and its like ("CreateServiceW", Microsoft Learn). In a container services.exe itself runs only
/// from the time when the first program asks for services or network tables.
const WITH_SERVICES: u32 = 2;
const ON_DEMAND: u32 = 3;
const DISABLED: u32 = 4;

/// Drivers that give volume information and network tables: up as soon as services.exe is.
const DRIVERS: [&str; 2] = ["MountMgr", "nsiproxy"];
/// Services that Wine starts in every prefix, each for 3 to 90 ms and up to 17 MB, and that no container needs by itself.
const STARTED_BY_WINE: [&str; 3] = ["Eventlog", "NDIS", "PlugPlay"];
/// Drivers of buses that no container has. Wine's PnP starts them whatever their start type is, so they are disabled
/// and their devices are removed.
const BUS_DRIVERS: [&str; 4] = ["winebth", "winebus", "winehid", "wineusb"];

/// What only belongs to the machine and the moment of the build: devices, displays, the processor.
const OF_THIS_MACHINE: [&str; 5] = [
    r"System\ControlSet001\Enum",
    r"System\ControlSet001\Control\Class\{4D36E968-E325-11CE-BFC1-08002BE10318}\0000",
    r"System\ControlSet001\Control\Video",
    r"System\ControlSet001\Control\DeviceClasses",
    r"System\ControlSet001\Hardware Profiles",
];

/// Half of the registry, of no use to console programs: COM classes and interfaces, types of files and media, dialling
/// rules, and what serves 32-bit programs, which the runtime does not run.
const NOT_ON_NANO: [&str; 13] = [
    r"Software\Classes\CLSID",
    r"Software\Classes\Interface",
    r"Software\Classes\TypeLib",
    r"Software\Classes\MIME",
    r"Software\Classes\MediaFoundation",
    r"Software\Classes\DirectShow",
    r"Software\Classes\Media Type",
    r"Software\Classes\Wow6432Node",
    r"Software\Microsoft\Windows Media Foundation",
    r"Software\Microsoft\WindowsRuntime",
    r"Software\Microsoft\DirectMusic",
    r"Software\Microsoft\Internet Explorer",
    r"Software\Microsoft\Windows\CurrentVersion\Telephony",
];

/// `HKEY_LOCAL_MACHINE`
pub fn machine(registry: &mut Registry, flavour: Flavour, build: WindowsBuild) {
    version(registry, flavour, build);
    services(registry);
    for key in OF_THIS_MACHINE {
        registry.remove_key(key);
    }
    registry.set(r"Software\Microsoft\Cryptography", "MachineGuid", Value::string(NO_GUID));
    registry.remove_value(r"Software\Microsoft\Windows\CurrentVersion\RunServices", "winemenubuilder");
    registry.remove_key(r"Software\Wow6432Node");
    if flavour == Flavour::NanoServer {
        for key in NOT_ON_NANO {
            registry.remove_key(key);
        }
    }
    environment(registry);
    profiles(registry);
}

fn version(registry: &mut Registry, flavour: Flavour, build: WindowsBuild) {
    let number = build.number().to_string();
    let lab = build.build_lab();
    let texts = [
        ("CurrentBuild", number.as_str()),
        ("CurrentBuildNumber", &number),
        // What Windows says since 8.1, for programs that never learnt to look further.
        ("CurrentVersion", "6.3"),
        ("ProductName", &build.product_name()),
        ("DisplayVersion", build.display_version()),
        ("ReleaseId", build.release_id()),
        ("EditionID", flavour.edition()),
        ("InstallationType", flavour.installation_type()),
        ("BuildBranch", build.branch()),
        ("BuildLab", &lab),
        ("BuildLabEx", &lab),
        ("SystemRoot", r"C:\windows"),
    ];
    for (name, text) in texts {
        registry.set(CURRENT_VERSION, name, Value::string(text));
    }
    for (name, number) in
        [("CurrentMajorVersionNumber", 10), ("CurrentMinorVersionNumber", 0), ("UBR", build.revision())]
    {
        registry.set(CURRENT_VERSION, name, Value::dword(number));
    }
    for name in ["DigitalProductId", "InstallDate", "ProductId", "RegisteredOwner", "RegisteredOrganization"] {
        registry.remove_value(CURRENT_VERSION, name);
    }
    registry.set(&format!(r"{CONTROL}\ProductOptions"), "ProductType", Value::string("ServerNT"));
    registry.set(&format!(r"{CONTROL}\Windows"), "CSDVersion", Value::dword(0));
    // Windows marks containers with it; programs look here to know where they are.
    registry.set(CONTROL, "ContainerType", Value::dword(2));
    if flavour == Flavour::NanoServer {
        let levels = r"Software\Microsoft\Windows NT\CurrentVersion\Server\ServerLevels";
        registry.set(levels, "NanoServer", Value::dword(1));
    }
}

fn services(registry: &mut Registry) {
    for (names, start) in [(&DRIVERS[..], WITH_SERVICES), (&STARTED_BY_WINE, ON_DEMAND), (&BUS_DRIVERS, DISABLED)] {
        for name in names {
            let key = format!(r"{SERVICES}\{name}");
            if registry.key(&key).is_some() {
                registry.set(&key, "Start", Value::dword(start));
            }
        }
    }
}

/// The variables of the machine; those of the processor come from the launcher in the container.
fn environment(registry: &mut Registry) {
    for name in [
        "NUMBER_OF_PROCESSORS",
        "PATH",
        "PROCESSOR_ARCHITECTURE",
        "PROCESSOR_IDENTIFIER",
        "PROCESSOR_LEVEL",
        "PROCESSOR_REVISION",
        "winsysdir",
    ] {
        registry.remove_value(ENVIRONMENT, name);
    }
    for (name, text) in [
        ("ComSpec", r"%SystemRoot%\system32\cmd.exe"),
        (
            "Path",
            r"%SystemRoot%\system32;%SystemRoot%;%SystemRoot%\System32\Wbem;%SystemRoot%\System32\WindowsPowerShell\v1.0\",
        ),
        ("TEMP", r"%SystemRoot%\TEMP"),
        ("TMP", r"%SystemRoot%\TEMP"),
        ("windir", "%SystemRoot%"),
    ] {
        registry.set(ENVIRONMENT, name, Value::expand_string(text));
    }
    registry.set(ENVIRONMENT, "OS", Value::string("Windows_NT"));
    registry.set(ENVIRONMENT, "PATHEXT", Value::string(".COM;.EXE;.BAT;.CMD;.VBS;.VBE;.JS;.JSE;.WSF;.WSH;.MSC"));
}

fn profiles(registry: &mut Registry) {
    let list = format!(r"{CURRENT_VERSION}\ProfileList");
    for (name, text) in [
        ("ProfilesDirectory", r"C:\users"),
        ("ProgramData", r"C:\ProgramData"),
        ("Public", r"C:\users\Public"),
        ("Default", r"C:\users\Default"),
    ] {
        registry.set(&list, name, Value::expand_string(text));
    }
}

/// `HKEY_CURRENT_USER`, and the template of new users. Both accounts of a container share it, so nothing in it names one.
pub fn user(registry: &mut Registry) {
    // Volatile, but Wine saves them.
    registry.remove_key("Volatile Environment");
    // Made again from "User Shell Folders", which has %USERPROFILE%.
    registry.remove_key(r"Software\Microsoft\Windows\CurrentVersion\Explorer\Shell Folders");
    for name in ["TEMP", "TMP"] {
        registry.set("Environment", name, Value::expand_string(r"%USERPROFILE%\AppData\Local\Temp"));
    }
    // No display: without this, user32 looks for an X server at each start.
    registry.set(r"Software\Wine\Drivers", "Graphics", Value::string("null"));
    registry.set(r"Software\Microsoft\Windows\CurrentVersion\ThemeManager", "ThemeActive", Value::string("0"));
    // The version is that of HKEY_LOCAL_MACHINE.
    registry.remove_value(r"Software\Wine", "Version");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuned(flavour: Flavour, build: WindowsBuild) -> Registry {
        let mut registry = Registry::new("\\\\Machine");
        registry.set(r"Software\Classes\CLSID\{1}", "", Value::string("x"));
        registry.set(r"System\ControlSet001\Enum\ROOT\WINE", "a", Value::string("x"));
        registry.set(r"System\ControlSet001\Services\MountMgr", "Start", Value::dword(0));
        registry.set(r"System\ControlSet001\Services\Eventlog", "Start", Value::dword(2));
        registry.set(r"System\ControlSet001\Services\winebus", "Start", Value::dword(3));
        registry.set(ENVIRONMENT, "NUMBER_OF_PROCESSORS", Value::string("64"));
        machine(&mut registry, flavour, build);
        registry
    }

    #[test]
    fn the_build_is_that_of_the_image() {
        for build in WindowsBuild::ALL {
            let registry = tuned(Flavour::ServerCore, build);
            let text = |name| registry.value(CURRENT_VERSION, name).unwrap().as_string().unwrap();
            assert_eq!(text("CurrentBuildNumber"), build.number().to_string());
            assert_eq!(text("ProductName"), build.product_name());
            assert_eq!(registry.value(CURRENT_VERSION, "UBR").unwrap().as_dword(), Some(build.revision()));
        }
    }

    #[test]
    fn only_drivers_start_with_the_services_and_nothing_names_this_machine() {
        let registry = tuned(Flavour::NanoServer, WindowsBuild::Server2022);
        let start = |name: &str| registry.value(&format!(r"{SERVICES}\{name}"), "Start").and_then(Value::as_dword);
        assert_eq!((start("MountMgr"), start("Eventlog")), (Some(WITH_SERVICES), Some(ON_DEMAND)));
        assert_eq!((start("winebus"), start("PlugPlay")), (Some(DISABLED), None));
        assert!(registry.key(r"System\ControlSet001\Enum\ROOT\WINE").is_none());
        assert!(registry.value(ENVIRONMENT, "NUMBER_OF_PROCESSORS").is_none());
    }

    #[test]
    fn classes_stay_where_com_is_used() {
        let has_classes =
            |flavour| tuned(flavour, WindowsBuild::Server2022).key(r"Software\Classes\CLSID\{1}").is_some();
        assert!(!has_classes(Flavour::NanoServer));
        assert!(has_classes(Flavour::ServerCore) && has_classes(Flavour::Server));
    }
}
