//! ipconfig.exe: shows the adapters of a container in the words of Windows. Wine's own leaves subnet masks and name servers out.
#include <winsock2.h>
#include <ws2tcpip.h>
#include <iphlpapi.h>

#include "../nt/text.h"

enum {
    LINE_UNITS = 1024,
    ADDRESS_UNITS = 64,
    FIRST_TABLE_BYTES = 16 << 10,
    TABLE_ATTEMPTS = 4,
    MAX_HOST_NAME = 256,
};

static const char description[] = "Hyper-V Virtual Ethernet Container Adapter";

static void write_bytes(const char *bytes, DWORD count) {
    HANDLE out = GetStdHandle(STD_OUTPUT_HANDLE);
    DWORD written;
    while (count && WriteFile(out, bytes, count, &written, NULL) && written) {
        bytes += written;
        count -= written;
    }
}

// Writes text in the code page of the console, as every console program does.
static void write_text(const WCHAR *text) {
    char bytes[LINE_UNITS * 3];
    int count = WideCharToMultiByte(GetConsoleOutputCP(), 0, text, (int)text_length(text), bytes, sizeof(bytes), NULL, NULL);
    if (count <= 0) count = WideCharToMultiByte(CP_UTF8, 0, text, (int)text_length(text), bytes, sizeof(bytes), NULL, NULL);
    write_bytes(bytes, (DWORD)count);
}

static void write_ascii(const char *text) {
    DWORD count = 0;
    while (text[count]) count++;
    write_bytes(text, count);
}

// A line `   LABEL: VALUE`; the label brings its dots.
static void field(const char *label, const WCHAR *value) {
    write_ascii(label);
    write_text(value);
    write_ascii("\r\n");
}

static void field_ascii(const char *label, const char *value) {
    write_ascii(label);
    write_ascii(value);
    write_ascii("\r\n");
}

static const char continued[] = "                                       ";

// The text of an address, with its zone where it has one.
static void address_text(const SOCKADDR *address, WCHAR *text) {
    if (address->sa_family == AF_INET) {
        const UCHAR *octets = (const UCHAR *)&((const struct sockaddr_in *)address)->sin_addr;
        WCHAR *end = text;
        for (int number = 0; number < 4; number++) {
            if (number) end = text_append_ascii(end, ".");
            end = text_append_number(end, octets[number]);
        }
        return;
    }
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
    WCHAR *end = RtlIpv6AddressToStringW(&six->sin6_addr, text);
    if (six->sin6_scope_id) {
        end = text_append_ascii(end, "%");
        text_append_number(end, six->sin6_scope_id);
    }
}

static void mask_text(UCHAR length, WCHAR *text) {
    ULONG mask = length ? 0xffffffffu << (32 - (length > 32 ? 32 : length)) : 0;
    WCHAR *end = text;
    for (int shift = 24; shift >= 0; shift -= 8) {
        end = text_append_number(end, mask >> shift & 255);
        if (shift) end = text_append_ascii(end, ".");
    }
}

static BOOL is_link_local(const SOCKADDR *address) {
    const UCHAR *octets = (const UCHAR *)&((const struct sockaddr_in6 *)address)->sin6_addr;
    return address->sa_family == AF_INET6 && octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80;
}

static void show_addresses(const IP_ADAPTER_ADDRESSES *adapter, BOOL all) {
    WCHAR text[ADDRESS_UNITS + 16];
    for (int family = 0; family < 2; family++) {
        for (const IP_ADAPTER_UNICAST_ADDRESS *one = adapter->FirstUnicastAddress; one; one = one->Next) {
            const SOCKADDR *address = one->Address.lpSockaddr;
            if ((address->sa_family == AF_INET) != (family == 1)) continue;
            address_text(address, text);
            if (all) text_append_ascii(text + text_length(text), "(Preferred) ");
            if (family == 1) {
                field("   IPv4 Address. . . . . . . . . . . : ", text);
                mask_text(one->OnLinkPrefixLength, text);
                field("   Subnet Mask . . . . . . . . . . . : ", text);
            } else if (is_link_local(address)) {
                field("   Link-local IPv6 Address . . . . . : ", text);
            } else {
                field("   IPv6 Address. . . . . . . . . . . : ", text);
            }
        }
    }
}

static void show_gateways(const IP_ADAPTER_ADDRESSES *adapter) {
    WCHAR text[ADDRESS_UNITS];
    const char *label = "   Default Gateway . . . . . . . . . : ";
    if (!adapter->FirstGatewayAddress) write_ascii("   Default Gateway . . . . . . . . . : \r\n");
    for (const IP_ADAPTER_GATEWAY_ADDRESS_LH *one = adapter->FirstGatewayAddress; one; one = one->Next) {
        address_text(one->Address.lpSockaddr, text);
        field(label, text);
        label = continued;
    }
}

static void show_servers(const IP_ADAPTER_ADDRESSES *adapter) {
    WCHAR text[ADDRESS_UNITS];
    const char *label = "   DNS Servers . . . . . . . . . . . : ";
    for (const IP_ADAPTER_DNS_SERVER_ADDRESS *one = adapter->FirstDnsServerAddress; one; one = one->Next) {
        address_text(one->Address.lpSockaddr, text);
        field(label, text);
        label = continued;
    }
}

static void show_physical_address(const IP_ADAPTER_ADDRESSES *adapter) {
    static const char digits[] = "0123456789ABCDEF";
    char text[3 * MAX_ADAPTER_ADDRESS_LENGTH + 1], *end = text;
    for (ULONG number = 0; number < adapter->PhysicalAddressLength && number < MAX_ADAPTER_ADDRESS_LENGTH; number++) {
        if (number) *end++ = '-';
        *end++ = digits[adapter->PhysicalAddress[number] >> 4];
        *end++ = digits[adapter->PhysicalAddress[number] & 15];
    }
    *end = 0;
    field_ascii("   Physical Address. . . . . . . . . : ", text);
}

// Adapters are named as Windows names those of containers: the first has no number.
static void show_adapter(const IP_ADAPTER_ADDRESSES *adapter, int number, BOOL all) {
    WCHAR name[16], *end = name;
    *end = 0;
    write_ascii("\r\nEthernet adapter vEthernet (Ethernet)");
    if (number > 1) {
        end = text_append_ascii(end, " ");
        text_append_number(end, (ULONG)number);
        write_text(name);
    }
    write_ascii(":\r\n\r\n");
    if (adapter->OperStatus != IfOperStatusUp) field_ascii("   Media State . . . . . . . . . . . : ", "Media disconnected");
    field("   Connection-specific DNS Suffix  . : ", adapter->DnsSuffix ? adapter->DnsSuffix : L"");
    if (all) {
        field_ascii("   Description . . . . . . . . . . . : ", description);
        show_physical_address(adapter);
        field_ascii("   DHCP Enabled. . . . . . . . . . . : ", "No");
        field_ascii("   Autoconfiguration Enabled . . . . : ", "Yes");
    }
    show_addresses(adapter, all);
    show_gateways(adapter);
    if (all) {
        show_servers(adapter);
        field_ascii("   NetBIOS over Tcpip. . . . . . . . : ", "Disabled");
    }
}

static IP_ADAPTER_ADDRESSES *adapters(void) {
    ULONG size = FIRST_TABLE_BYTES;
    for (int attempt = 0; attempt < TABLE_ATTEMPTS; attempt++) {
        IP_ADAPTER_ADDRESSES *table = HeapAlloc(GetProcessHeap(), 0, size);
        if (!table) return NULL;
        ULONG error = GetAdaptersAddresses(AF_UNSPEC, GAA_FLAG_INCLUDE_GATEWAYS | GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST,
                                           NULL, table, &size);
        if (!error) return table;
        HeapFree(GetProcessHeap(), 0, table);
        if (error != ERROR_BUFFER_OVERFLOW) return NULL;
    }
    return NULL;
}

static int show(BOOL all) {
    WCHAR name[MAX_HOST_NAME];
    DWORD units = MAX_HOST_NAME;
    if (!GetComputerNameExW(ComputerNameDnsHostname, name, &units)) name[0] = 0;
    write_ascii("\r\nWindows IP Configuration\r\n\r\n");
    if (all) {
        field("   Host Name . . . . . . . . . . . . : ", name);
        field_ascii("   Primary Dns Suffix  . . . . . . . : ", "");
        field_ascii("   Node Type . . . . . . . . . . . . : ", "Hybrid");
        field_ascii("   IP Routing Enabled. . . . . . . . : ", "No");
        field_ascii("   WINS Proxy Enabled. . . . . . . . : ", "No");
    }
    IP_ADAPTER_ADDRESSES *table = adapters();
    int number = 0;
    for (const IP_ADAPTER_ADDRESSES *adapter = table; adapter; adapter = adapter->Next)
        if (adapter->IfType == IF_TYPE_ETHERNET_CSMACD) show_adapter(adapter, ++number, all);
    return 0;
}

// The text after the program's name.
static const WCHAR *arguments(void) {
    const WCHAR *line = GetCommandLineW();
    BOOL quoted = FALSE;
    while (*line && (quoted || (*line != L' ' && *line != L'\t'))) {
        if (*line == L'"') quoted = !quoted;
        line++;
    }
    while (*line == L' ' || *line == L'\t') line++;
    return line;
}

static BOOL is_option(const WCHAR *text, const char *name) {
    if (*text != L'/' && *text != L'-') return FALSE;
    text++;
    for (; *name; name++, text++)
        if ((*text >= L'A' && *text <= L'Z' ? *text + 32 : *text) != (WCHAR)*name) return FALSE;
    while (*text == L' ' || *text == L'\t') text++;
    return !*text;
}

static const char usage[] = "\r\nUSAGE:\r\n    ipconfig [/? | /all | /flushdns]\r\n\r\n"
                            "    /all       Display full configuration information.\r\n"
                            "    /flushdns  Purges the DNS Resolver cache.\r\n";

void start(void) {
    const WCHAR *text = arguments();
    int code = 0;
    if (!*text) {
        code = show(FALSE);
    } else if (is_option(text, "all")) {
        code = show(TRUE);
    } else if (is_option(text, "flushdns")) {
        // Names are not kept in a container.
        write_ascii("\r\nWindows IP Configuration\r\n\r\nSuccessfully flushed the DNS Resolver Cache.\r\n");
    } else if (is_option(text, "?")) {
        write_ascii(usage);
    } else {
        write_ascii("\r\nError: unrecognized or incomplete command line.\r\n");
        write_ascii(usage);
        code = 1;
    }
    ExitProcess((UINT)code);
}
