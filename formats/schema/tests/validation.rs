//! What `validate` refuses, and that its messages name the member.

use casement_schema::compute_system::ComputeSystem;
use casement_schema::process::ProcessParameters;
use casement_schema::{HResult, HcsError, Win32Error, validate};
use serde_json::{Value, json};

/// Validates a valid container document after `change`; gives the error's text.
fn refused(change: impl FnOnce(&mut Value)) -> String {
    let mut document = json!({
        "Owner": "test",
        "SchemaVersion": {"Major": 2, "Minor": 1},
        "Container": {"Storage": {"Layers": [{"Id": "a", "Path": "/a"}, {"Id": "b", "Path": "/b"}], "Path": "/scratch"}},
    });
    serde_json::from_value::<ComputeSystem>(document.clone()).unwrap().validate().unwrap();
    change(&mut document);
    let error = serde_json::from_value::<ComputeSystem>(document).unwrap().validate().unwrap_err();
    assert!(error.to_string().starts_with(error.field()));
    assert!(!error.hresult().is_success());
    error.to_string()
}

#[test]
fn exactly_one_kind_of_system_is_needed() {
    let message = refused(|d| d["VirtualMachine"] = json!({}));
    assert_eq!(message, "Container, VirtualMachine: only one of these may be given");
    let message = refused(|d| drop(d.as_object_mut().unwrap().remove("Container")));
    assert!(message.starts_with("Container: one of"), "{message}");
    let message = refused(|d| d["HostedSystem"] = json!({}));
    assert!(message.starts_with("Container, HostedSystem:"), "{message}");
}

#[test]
fn other_schema_versions_are_refused() {
    let message = refused(|d| d["SchemaVersion"] = json!({"Major": 1}));
    assert_eq!(message, "SchemaVersion: 1.0 is not supported; documents of schema 2.x are");
    let message = refused(|d| drop(d.as_object_mut().unwrap().remove("SchemaVersion")));
    assert!(message.starts_with("SchemaVersion: missing"), "{message}");
    let version_1: ComputeSystem =
        serde_json::from_value(json!({"SchemaVersion": {"Major": 1}, "Container": {}})).unwrap();
    assert_eq!(version_1.validate().unwrap_err().hresult(), HResult::from(Win32Error::NotSupported));
}

#[test]
fn a_nul_anywhere_is_found_and_named() {
    let message = refused(|d| d["Container"]["Storage"]["Layers"][1]["Path"] = json!("/b\0c"));
    assert_eq!(message, "Container.Storage.Layers[1].Path: text holds a NUL character");
    let message = refused(|d| d["Owner"] = json!("\0"));
    assert!(message.starts_with("Owner: "), "{message}");
    let message = refused(|d| {
        d["Container"]["Networking"] = json!({"NetworkAdapters": ["a", "b\0"]});
    });
    assert!(message.starts_with("Container.Networking.NetworkAdapters[1]: "), "{message}");
}

#[test]
fn limits_are_held_and_named() {
    let layer = json!({"Id": "x", "Path": "/x"});
    let message = refused(|d| d["Container"]["Storage"]["Layers"] = vec![layer; validate::MAX_LAYERS + 1].into());
    assert_eq!(message, "Container.Storage.Layers: 128 is above the limit of 127 layers");
    let message = refused(|d| d["Container"]["Processor"] = json!({"Maximum": 10_001}));
    assert!(message.starts_with("Container.Processor.Maximum: 10001"), "{message}");
    let message = refused(|d| d["Container"]["Memory"] = json!({"SizeInMB": u64::MAX}));
    assert!(message.starts_with("Container.Memory.SizeInMB: "), "{message}");
    let message = refused(|d| d["Container"]["MappedDirectories"] = json!([{"HostPath": "/x"}]));
    assert_eq!(message, "Container.MappedDirectories[0].ContainerPath: missing");
    let message = refused(|d| d["Container"]["Storage"]["Path"] = json!("x".repeat(validate::MAX_PATH_UNITS + 1)));
    assert!(message.starts_with("Container.Storage.Path: 32768"), "{message}");
}

#[test]
fn host_names_have_the_characters_of_host_names() {
    for name in ["a b", "-a", "a.", "a/b", "ä", "a\n"] {
        let message = refused(|d| d["Container"]["GuestOs"] = json!({"HostName": name}));
        assert!(message.starts_with("Container.GuestOs.HostName: "), "{message}");
    }
    let message = refused(|d| d["Container"]["GuestOs"] = json!({"HostName": "a".repeat(64)}));
    assert!(message.contains("above the limit of 63"), "{message}");
}

#[test]
fn a_hosted_system_is_looked_into() {
    let text = json!({"SchemaVersion": {"Major": 2}, "HostingSystemId": "vm",
        "HostedSystem": {"SchemaVersion": {"Major": 2}, "Container": {"Processor": {"Weight": 20_000}}}});
    let system: ComputeSystem = serde_json::from_value(text).unwrap();
    let error = system.validate().unwrap_err();
    assert_eq!(error.field(), "HostedSystem.Container.Processor.Weight");
    assert_eq!(error.hresult(), HcsError::InvalidJson.hresult());
}

#[test]
fn process_parameters_must_name_something_to_run() {
    let refused = |change: &dyn Fn(&mut ProcessParameters)| {
        let mut parameters = ProcessParameters { command_line: "cmd".into(), ..ProcessParameters::default() };
        parameters.validate().unwrap();
        change(&mut parameters);
        parameters.validate().unwrap_err().field().to_string()
    };
    assert_eq!(refused(&|p| p.command_line.clear()), "CommandLine");
    assert_eq!(refused(&|p| p.command_line = "x".repeat(validate::MAX_COMMAND_LINE_UNITS)), "CommandLine");
    assert_eq!(refused(&|p| p.user = "a\0".into()), "User");
    assert_eq!(refused(&|p| p.console_size = vec![30]), "ConsoleSize");
    assert_eq!(refused(&|p| p.console_size = vec![0, 80]), "ConsoleSize");
    assert_eq!(refused(&|p| drop(p.environment.insert("A=B".into(), "1".into()))), "Environment");
    assert_eq!(refused(&|p| drop(p.environment.insert(String::new(), "1".into()))), "Environment");
    assert_eq!(refused(&|p| drop(p.environment.insert("A".into(), "1\0B=2".into()))), "Environment.A");
    let mut drives = ProcessParameters { command_line: "cmd".into(), ..ProcessParameters::default() };
    drives.environment.insert("=C:".into(), r"C:\app".into());
    drives.validate().unwrap();
}
