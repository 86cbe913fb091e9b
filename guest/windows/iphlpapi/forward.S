//! The exports of iphlpapi.dll that open the driver of the network tables without nsi.dll: those of ping.

#include "../nsi/forward.inc"

    .text
    forward Icmp6CreateFile
    forward IcmpCreateFile
