/* A toy stack that answers ping, as a DUT: cc -o toy_stack toy_stack.c && netassay diff --b exec:./toy_stack CAPTURE
 *
 * The protocol is described in src/dut/exec/PROTOCOL.md. A real program parses the JSON; a toy looks for what it needs.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { HEADER = 16 };

static unsigned char buffer[1 << 18];
static unsigned char own[4];

static const char *respond(const char *request)
{
    if (strstr(request, "{\"hello\"") == request)
        return "{\"protocol\": 1, \"name\": \"toy\", \"version\": \"1\", \"dimensions\": [\"frames\"]}";
    if (strstr(request, "{\"advance\"") == request)
        return "{}"; /* Time that passes changes nothing here. */
    if (strstr(request, "{\"open\"") != request)
        return "{\"unsupported\": \"a toy\"}";
    if (!strstr(request, "\"role\":\"host\"") || !strstr(request, "\"link\":\"ip\""))
        return "{\"unsupported\": \"a toy is a host on a link without Ethernet\"}";
    const char *address = strstr(request, "\"addresses\":[\"");
    unsigned int a, b, c, d;
    if (address && sscanf(address + 14, "%u.%u.%u.%u", &a, &b, &c, &d) == 4)
        own[0] = a, own[1] = b, own[2] = c, own[3] = d;
    return "{}";
}

/* Makes an echo reply of an echo request to us, in place; 0 if it is something else. */
static int answer_ping(unsigned char *datagram, long len)
{
    if (len < 28 || datagram[0] != 0x45 || datagram[9] != 1 || datagram[20] != 8 || memcmp(datagram + 16, own, 4))
        return 0;
    memcpy(datagram + 16, datagram + 12, 4);
    memcpy(datagram + 12, own, 4);
    datagram[20] = 0;
    /* The type was 8 and is 0, so the sum of the message, which is kept inverted, goes up by 8 * 256. RFC 1624. */
    unsigned long sum = (datagram[22] << 8 | datagram[23]) + 0x800;
    sum = sum % 0x10000 + sum / 0x10000;
    datagram[22] = sum >> 8;
    datagram[23] = sum & 0xff;
    return 1;
}

int main(void)
{
    long len;
    while ((len = recv(0, buffer, sizeof buffer - 1, 0)) > 0) {
        const char *answer = "{}";
        buffer[len] = 0;
        if (buffer[0] == '{')
            answer = respond((const char *)buffer);
        else if (answer_ping(buffer + HEADER, len - HEADER))
            send(0, buffer, len, 0);
        send(0, answer, strlen(answer), 0);
    }
    return 0;
}
