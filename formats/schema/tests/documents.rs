//! Documents of real clients, and examples of the reference, come back as they went in.

use casement_schema::compute_system::ComputeSystem;
use casement_schema::modify::ModifySettingRequest;
use casement_schema::process::{ProcessModifyRequest, ProcessParameters, ProcessStatus, StdioHandle};
use casement_schema::properties::{Properties, PropertyQuery, PropertyType, State, SystemType};
use casement_schema::registry::{RegistryValue, RegistryValueType};
use casement_schema::{DocumentError, Guid, HResult, HcsError, ResultDocument, Version, from_json, json};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads `text` as `T` and checks that writing it gives the same JSON.
fn round_trip<T: Serialize + DeserializeOwned>(text: &str) -> T {
    let document: T = from_json(text.as_bytes()).unwrap();
    let before: Value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_value(&document).unwrap(), before);
    document
}

const MINIMAL: &str = r#"{"Owner":"runhcs","SchemaVersion":{"Major":2,"Minor":1},"ShouldTerminateOnLastHandleClosed":true,
 "Container":{"Storage":{"Layers":[{"Id":"3ddc94d8-0000-5000-0000-000000000000","Path":"C:\\layers\\base"}],
   "Path":"\\\\?\\Volume{11111111-1111-1111-1111-111111111111}\\"},
  "Processor":{"Count":1},"Networking":{"Namespace":"7864c6c9-b77c-4d67-8d1a-ed4007d7d50a"}}}"#;

#[test]
fn the_minimal_container_round_trips_and_is_valid() {
    let system: ComputeSystem = round_trip(MINIMAL);
    system.validate().unwrap();
    assert_eq!(system.schema_version, Some(Version::V2_1));
    let container = system.container.unwrap();
    let storage = container.storage.unwrap();
    assert_eq!(storage.layers[0].path, r"C:\layers\base");
    assert_eq!(storage.path, r"\\?\Volume{11111111-1111-1111-1111-111111111111}\");
    assert_eq!(container.processor.unwrap().count, 1);
}

#[test]
fn a_container_as_runhcs_describes_it_round_trips() {
    let system: ComputeSystem = round_trip(
        r#"{"Owner":"runhcs","SchemaVersion":{"Major":2,"Minor":1},"Container":{"GuestOs":{"HostName":"web-1"},
        "Storage":{"Layers":[{"Id":"3ddc94d8-0000-5000-0000-000000000000","Path":"C:\\layers\\base"}],
        "Path":"\\\\?\\Volume{11111111-1111-1111-1111-111111111111}\\","QoS":{"IopsMaximum":100,"BandwidthMaximum":1000}},
        "MappedDirectories":[{"HostPath":"\\\\?\\Volume{11111111-1111-1111-1111-111111111111}\\data",
        "ContainerPath":"C:\\data","ReadOnly":true}],
        "MappedPipes":[{"ContainerPipeName":"docker_engine","HostPath":"\\\\.\\pipe\\docker_engine"}],
        "Memory":{"SizeInMB":1024},"Processor":{"Weight":500},
        "Networking":{"AllowUnqualifiedDnsQuery":true,"DnsSearchList":"a.com,b.com","Namespace":"7864c6c9-b77c-4d67-8d1a-ed4007d7d50a"},
        "RegistryChanges":{"AddValues":[
        {"Key":{"Hive":"Software","Name":"Microsoft\\Windows\\Windows Error Reporting\\LocalDumps"},"Name":"DumpType","Type":"DWord","DWordValue":2},
        {"Key":{"Hive":"System","Name":"ControlSet001\\Control"},"Name":"WaitToKillServiceTimeout","Type":"String","StringValue":"2147483647"}]},
        "AssignedDevices":[{"Type":"ClassGuid","InterfaceClassGuid":"5b45201d-f2f2-4f3b-85bb-30ff1f953599"}]},
        "ShouldTerminateOnLastHandleClosed":true}"#,
    );
    system.validate().unwrap();
    let container = system.container.unwrap();
    assert_eq!(container.storage.unwrap().qos.unwrap().iops_maximum, 100);
    assert!(container.mapped_directories[0].read_only);
}

#[test]
fn a_windows_utility_vm_round_trips_and_is_valid() {
    let system: ComputeSystem = round_trip(
        r#"{"Owner":"containerd-shim-runhcs-v1.exe","SchemaVersion":{"Major":2,"Minor":1},"ShouldTerminateOnLastHandleClosed":true,
        "VirtualMachine":{"StopOnReset":true,
        "Chipset":{"Uefi":{"BootThis":{"DeviceType":"VmbFs","DevicePath":"\\EFI\\Microsoft\\Boot\\bootmgfw.efi"}}},
        "ComputeTopology":{"Memory":{"SizeInMB":1024,"AllowOvercommit":true,"EnableHotHint":true},"Processor":{"Count":2}},
        "Devices":{"Scsi":{"df6d0690-79e5-55b6-a5ec-c1e2f77f580a":{"Attachments":{"0":{"Type":"VirtualDisk","Path":"C:\\scratch\\vm\\sandbox.vhdx"}}}},
        "HvSocket":{"HvSocketConfig":{"DefaultBindSecurityDescriptor":"D:P(A;;FA;;;SY)(A;;FA;;;BA)",
        "ServiceTable":{"172dad59-976d-45f2-8b6c-6d1b13f2ac4d":{"AllowWildcardBinds":true,"BindSecurityDescriptor":"D:P(A;;FA;;;SY)(A;;FA;;;BA)","ConnectSecurityDescriptor":"D:P(A;;FA;;;SY)(A;;FA;;;BA)"}}}},
        "VirtualSmb":{"DirectFileMappingInMB":1024,"Shares":[{"Name":"os","Path":"C:\\base\\UtilityVM\\Files",
        "Options":{"ReadOnly":true,"ShareRead":true,"CacheIo":true,"PseudoOplocks":true,"TakeBackupPrivilege":true}}]}},
        "RegistryChanges":{"AddValues":[{"Key":{"Hive":"System","Name":"CurrentControlSet\\Services\\gns"},"Name":"EnableCompartmentNamespace","Type":"DWord","DWordValue":1}]}}}"#,
    );
    system.validate().unwrap();
}

#[test]
fn every_device_name_of_a_linux_utility_vm_survives() {
    round_trip::<ComputeSystem>(
        r#"{"SchemaVersion":{"Major":2,"Minor":1},"VirtualMachine":{
        "Chipset":{"LinuxKernelDirect":{"KernelFilePath":"k","InitRdPath":"i","KernelCmdLine":"panic=-1"}},
        "ComputeTopology":{"Memory":{"LowMmioGapInMB":1,"HighMmioBaseInMB":2,"HighMmioGapInMB":3},
        "Processor":{"NumaProcessorsSettings":{"count_per_node":{"max":2},"node_per_socket":1}},
        "Numa":{"Settings":[{"MemoryBackingType":"Hybrid"}]}},
        "StorageQoS":{"IopsMaximum":7},
        "Devices":{"ComPorts":{"0":{"NamedPipe":"\\\\.\\pipe\\vm"}},"Plan9":{},"Keyboard":{},"Mouse":{},
        "VirtualPMem":{"MaximumCount":64,"MaximumSizeBytes":4294967296,"Devices":{"0":{"HostPath":"r.vhd","ReadOnly":true,"ImageFormat":"Vhd1"}}},
        "NetworkAdapters":{"g":{"EndpointId":"e","MacAddress":"00-15","IovSettings":{"InterruptModeration":"Adaptive"}}},
        "VirtualPci":{"g":{"Functions":[{"DeviceInstancePath":"p","VirtualFunction":1}]}},
        "VirtualSmb":{"Shares":[{"Options":{"ForceLevelIIOplocks":true}}]},
        "FlexibleIov":{"g":{"EmulatorId":"e","HostingModel":"External","Configuration":["a"]}}}}}"#,
    );
}

#[test]
fn process_parameters_of_the_docker_client_round_trip() {
    let text = r#"{"CommandLine":"cmd /c \"ping -n 8 127.0.0.1 \u003enul\"","User":"ContainerAdministrator","WorkingDirectory":"C:\\app","Environment":{"A":"1"},"EmulateConsole":true,"CreateStdInPipe":true,"CreateStdOutPipe":true,"CreateStdErrPipe":true,"ConsoleSize":[30,120]}"#;
    let parameters: ProcessParameters = round_trip(text);
    parameters.validate().unwrap();
    assert_eq!(parameters.command_line, r#"cmd /c "ping -n 8 127.0.0.1 >nul""#);
    assert_eq!(parameters.console_size, [30, 120]);
}

#[test]
fn process_changes_and_state_round_trip() {
    let close: ProcessModifyRequest = round_trip(r#"{"Operation":"CloseHandle","CloseHandle":{"Handle":"StdIn"}}"#);
    assert_eq!(close.close_handle.unwrap().handle, StdioHandle::StdIn);
    let resize: ProcessModifyRequest =
        round_trip(r#"{"Operation":"ConsoleSize","ConsoleSize":{"Height":30,"Width":120}}"#);
    assert_eq!(resize.console_size.unwrap().width, 120);
    let status: ProcessStatus = round_trip(r#"{"ProcessId":4,"Exited":true,"ExitCode":3221225786}"#);
    assert_eq!(status.exit_code, 0xc000_013a);
}

#[test]
fn queries_and_their_answers_round_trip() {
    let query: PropertyQuery = round_trip(
        r#"{"PropertyTypes":["Statistics","ProcessList","MappedVirtualDisk","GuestConnection","ICHeartbeatStatus","SystemGUID"],
        "Queries":{"CpuGroup":{"a":1}}}"#,
    );
    assert_eq!(query.property_types[4], PropertyType::IcHeartbeatStatus);
    assert_eq!(round_trip::<PropertyQuery>("{}"), PropertyQuery::default());
    let properties: Properties = round_trip(
        r#"{"Id":"c1","SystemType":"Container","RuntimeOsType":"Windows","Owner":"casement","State":"Running",
        "RuntimeId":"7864c6c9-b77c-4d67-8d1a-ed4007d7d50a",
        "Statistics":{"Timestamp":"2026-11-23T23:39:32Z","ContainerStartTime":"2026-11-23T23:39:31.5Z","Uptime100ns":5000000,
        "Processor":{"TotalRuntime100ns":1,"RuntimeUser100ns":2,"RuntimeKernel100ns":3},
        "Memory":{"MemoryUsageCommitBytes":4,"MemoryUsageCommitPeakBytes":5,"MemoryUsagePrivateWorkingSetBytes":6},
        "Storage":{"ReadCountNormalized":7,"ReadSizeBytes":8,"WriteCountNormalized":9,"WriteSizeBytes":10}},
        "ProcessList":[{"ProcessId":1,"ImageName":"cmd.exe","CreateTimestamp":"2026-11-23T23:39:32Z","UserTime100ns":1,
        "KernelTime100ns":2,"MemoryCommitBytes":8589934592,"MemoryWorkingSetPrivateBytes":4,"MemoryWorkingSetSharedBytes":5}],
        "PropertyResponses":{"CpuGroup":{"Error":{"Error":-2147024846,"ErrorMessage":"no"}}},"LCOWMetrics":{},"SystemGUID":"g"}"#,
    );
    assert_eq!((properties.system_type, properties.state), (Some(SystemType::Container), Some(State::Running)));
    properties.runtime_id.parse::<Guid>().unwrap();
}

#[test]
fn changes_round_trip() {
    let change: ModifySettingRequest = round_trip(
        r#"{"ResourcePath":"Container/Memory/SizeInMB","RequestType":"Update","Settings":2048,
        "GuestRequest":{"RequestType":"PreAdd","ResourceType":"SCSIDevice","Settings":{}}}"#,
    );
    assert_eq!(change.settings, Some(2048.into()));
}

#[test]
fn a_result_document_round_trips() {
    let result: ResultDocument = round_trip(
        r#"{"Error":-1070137074,"ErrorMessage":"gone","ErrorEvents":[{"Message":"m","StackTrace":"s","Provider":"p",
        "EventId":1,"Flags":2,"Source":"o","Data":[{"Type":"String","Value":"v"}]}],"Attribution":[{"SystemExit":{}}]}"#,
    );
    assert_eq!(result.error, HResult::from(HcsError::SystemNotFound));
}

#[test]
fn registry_numbers_are_read_signed_and_unsigned() {
    for (text, expected) in [("-1", u32::MAX), ("4294967295", u32::MAX), ("-2147483648", 1 << 31), ("0", 0)] {
        let value: RegistryValue = from_json(format!(r#"{{"Type":"DWord","DWordValue":{text}}}"#).as_bytes()).unwrap();
        assert_eq!((value.kind, value.dword_value), (Some(RegistryValueType::DWord), expected));
    }
    let value: RegistryValue = from_json(br#"{"QWordValue":-2}"#).unwrap();
    assert_eq!(value.qword_value, u64::MAX - 1);
    let value: RegistryValue = from_json(br#"{"QWordValue":18446744073709551615}"#).unwrap();
    assert_eq!(value.qword_value, u64::MAX);
    for bad in ["4294967296", "-2147483649", "1.5", "\"1\""] {
        let text = format!(r#"{{"DWordValue":{bad}}}"#);
        assert!(from_json::<RegistryValue>(text.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn null_members_count_as_absent_and_unknown_ones_are_passed_over() {
    let text = br#"{"Owner":null,"Container":{"MappedPipes":null,"FromTheFuture":[1]},"VirtualMachine":null}"#;
    let system: ComputeSystem = from_json(text).unwrap();
    assert!(system.container.is_some() && system.virtual_machine.is_none());
}

#[test]
fn hostile_text_is_an_error() {
    let deep = "[".repeat(100_000);
    let long = " ".repeat(json::MAX_DOCUMENT + 1);
    for text in ["", "null", "[]", "{", "{\"Container\":1}", "{\"Container\":{\"Memory\":{\"SizeInMB\":-1}}}", &deep] {
        // A document may be an empty object but not any other value.
        let read: Result<ComputeSystem, DocumentError> = from_json(text.as_bytes());
        assert!(read.is_err(), "{} bytes", text.len());
    }
    assert!(matches!(from_json::<ComputeSystem>(long.as_bytes()), Err(DocumentError::TooLong(_))));
    assert!(from_json::<ComputeSystem>(b"{\"Owner\":\"\xff\"}").is_err());
    assert!(from_json::<PropertyQuery>(br#"{"PropertyTypes":["Nonsense"]}"#).is_err());
}
