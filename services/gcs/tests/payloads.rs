//! The JSON of the bridge, member for member.

use casement_gcs::payload::{
    AnyInString, Create, ExecuteProcess, GetProperties, GetPropertiesResponse, Negotiate, NegotiateResponse,
    Notification, RequestBase, ResponseBase, SignalProcess, StdioRelaySettings, WaitForProcess,
};
use casement_schema::compute_system::HostedSystem;
use casement_schema::process::{ProcessParameters, Signal, SignalProcessOptions};
use casement_schema::properties::{ExitType, OsType, PropertyQuery, PropertyType};
use casement_schema::{Guid, HResult, HcsError, Version};
use serde_json::{json, to_value};

const NULL: &str = "00000000-0000-0000-0000-000000000000";

#[test]
fn negotiate_asks_for_version_4_of_the_virtual_machine() {
    let expected = json!({"ContainerId": NULL, "ActivityId": NULL, "MinimumVersion": 4, "MaximumVersion": 4});
    assert_eq!(to_value(Negotiate::current()).unwrap(), expected);
    let old = Negotiate { minimum_version: 1, maximum_version: 3, ..Negotiate::current() };
    assert!(!old.is_acceptable());
}

#[test]
fn the_answer_of_the_open_guest_agent_is_read() {
    let text = br#"{"Result":0,"ActivityId":"00000000-0000-0000-0000-000000000000","Version":4,"Capabilities":{
        "SupportedSchemaVersions":[{"Major":2,"Minor":1}],"RuntimeOsType":"Linux","GuestDefinedCapabilities":{
        "NamespaceAddRequestSupported":true,"SignalProcessSupported":true,"DumpStacksSupported":true,
        "DeleteContainerStateSupported":true}}}"#;
    let response: NegotiateResponse = casement_schema::from_json(text).unwrap();
    assert_eq!(response.version, 4);
    assert_eq!(response.capabilities.supported_schema_versions, [Version::V2_1]);
    assert_eq!(response.capabilities.runtime_os_type, OsType::Linux);
    assert!(response.capabilities.guest_defined_capabilities.signal_process_supported);
}

#[test]
fn the_error_of_the_open_guest_agent_is_read() {
    let text = br#"{"Result":-1070137074,"ErrorMessage":"HRESULT: 0xc037010e","ErrorRecords":[{"Result":-1070137074,
        "Message":"m","ModuleName":"gcs","FileName":"f.go","Line":7}]}"#;
    let response: ResponseBase = casement_schema::from_json(text).unwrap();
    assert_eq!(response.result, HResult::from(HcsError::SystemNotFound));
    assert_eq!(response.error_records[0].line, 7);
    let written = to_value(ResponseBase::failure(HcsError::SystemNotFound, "gone")).unwrap();
    assert_eq!(written, json!({"Result": -1070137074, "ErrorMessage": "gone", "ActivityId": NULL}));
}

#[test]
fn documents_travel_inside_strings() {
    let create = Create {
        base: RequestBase::new("c1"),
        container_config: AnyInString(HostedSystem { schema_version: Some(Version::V2_1), container: None }),
    };
    let expected = json!({"ContainerId": "c1", "ActivityId": NULL, "ContainerConfig": "{\"SchemaVersion\":{\"Major\":2,\"Minor\":1}}"});
    assert_eq!(to_value(&create).unwrap(), expected);
    let back: Create<HostedSystem> = serde_json::from_value(expected).unwrap();
    assert_eq!(back, create);
    let inner = json!({"ContainerId": "c1", "ContainerConfig": {"SchemaVersion": {}}});
    assert!(serde_json::from_value::<Create<HostedSystem>>(inner).is_err(), "a bare object is no string");
    let broken = json!({"ContainerId": "c1", "ContainerConfig": "{\"SchemaVersion\":"});
    assert!(serde_json::from_value::<Create<HostedSystem>>(broken).is_err());
}

#[test]
fn a_process_is_described_inside_its_settings() {
    let parameters = ProcessParameters { command_line: "cmd".into(), ..ProcessParameters::default() };
    let mut request = ExecuteProcess::new("c1", parameters);
    let expected = json!({"ContainerId": "c1", "ActivityId": NULL, "Settings": {"ProcessParameters": "{\"CommandLine\":\"cmd\"}"}});
    assert_eq!(to_value(&request).unwrap(), expected);
    let guid: Guid = "acef5661-84a1-4e44-856b-6245e69f4620".parse().unwrap();
    request.settings.stdio_relay_settings =
        Some(StdioRelaySettings { std_out: Some(guid), ..StdioRelaySettings::default() });
    let written = to_value(&request).unwrap();
    assert_eq!(written["Settings"]["StdioRelaySettings"], json!({"StdOut": guid.to_string()}));
    assert_eq!(serde_json::from_value::<ExecuteProcess>(written).unwrap(), request);
}

#[test]
fn waiting_signalling_and_querying_use_microsofts_names() {
    let wait = WaitForProcess { base: RequestBase::new("c"), process_id: 5, timeout_in_ms: u32::MAX };
    let expected = json!({"ContainerId": "c", "ActivityId": NULL, "ProcessId": 5, "TimeoutInMs": 4294967295u32});
    assert_eq!(to_value(&wait).unwrap(), expected);

    let options = Some(SignalProcessOptions { signal: Some(Signal::CtrlShutdown) });
    let signal = SignalProcess { base: RequestBase::new("c"), process_id: 5, options };
    assert_eq!(to_value(&signal).unwrap()["Options"], json!({"Signal": "CtrlShutdown"}));
    let kill: SignalProcess = casement_schema::from_json(br#"{"ProcessId":5,"Options":null}"#).unwrap();
    assert_eq!(kill.options, None);

    let query = PropertyQuery { property_types: vec![PropertyType::Statistics], ..PropertyQuery::default() };
    let get = GetProperties { base: RequestBase::new("c"), query: AnyInString(query) };
    assert_eq!(to_value(&get).unwrap()["Query"], json!("{\"PropertyTypes\":[\"Statistics\"]}"));
    let response: GetPropertiesResponse =
        serde_json::from_value(json!({"Result": 0, "Properties": "{\"Id\":\"c\"}"})).unwrap();
    assert_eq!(response.properties.id, "c");
}

#[test]
fn a_notification_says_how_a_system_ended() {
    let text =
        br#"{"ContainerId":"c","Type":"UnexpectedExit","Operation":"None","Result":-1070137082,"ResultInfo":null}"#;
    let notification: Notification = casement_schema::from_json(text).unwrap();
    assert_eq!(notification.kind, ExitType::UnexpectedExit);
    assert_eq!(notification.result, HResult::from(HcsError::UnexpectedExit));
}
