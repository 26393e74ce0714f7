/* lwIP behind the harness's protocol for programs (PROTOCOL.md in the folder of `dut::exec`).
 *
 * Debian's build of lwIP has a thread of its own. Whoever holds the lock of the core calls it directly, as a main loop
 * without an operating system does: it is taken once and kept, so that the thread never does anything. Time is what the
 * harness says: `sys_now` is ours, and timers are run before each request and after it.
 *
 * lwIP has no way back to a fresh state, so each scenario has a process of its own. The first process reads what is
 * for everybody and leaves the rest to them.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json.h"
#include "lwip/etharp.h"
#include "lwip/igmp.h"
#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/raw.h"
#include "lwip/tcp.h"
#include "lwip/tcpip.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "netif/ethernet.h"

enum { HARNESS = 0, HEADER = 16, ETHERNET = 14, MOST = 16, LONGEST = 1 << 18 };

/* ---- Talking to the harness. */

static char request[LONGEST];
static char deliveries[LONGEST];
static size_t deliveries_len;

static void answer(const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    send(HARNESS, text, len < (int)sizeof text ? len : (int)sizeof text - 1, 0);
}

/* Why the scenario or the step is more than lwIP can do; the first reason counts. */
static const char *cannot;

static void unsupported(const char *why)
{
    if (!cannot)
        cannot = why;
}

/* Ends an answer. */
static void done(void)
{
    if (cannot) {
        answer("{\"unsupported\":\"lwIP %s\"}", cannot);
    } else if (deliveries_len) {
        static char text[LONGEST + 64];
        int len = snprintf(text, sizeof text, "{\"deliveries\":[%.*s]}", (int)deliveries_len - 1, deliveries);
        send(HARNESS, text, len, 0);
    } else {
        answer("{}");
    }
    deliveries_len = 0;
    cannot = NULL;
}

static void deliver(int socket, const ip_addr_t *source, u16_t port, const struct pbuf *data)
{
    char *at = deliveries + deliveries_len;
    if (deliveries_len + 2 * data->tot_len + 128 > sizeof deliveries) {
        unsupported("received more than fits into an answer");
        return;
    }
    at += sprintf(at, "{\"socket\":%d,\"source\":\"%s:%u\",\"data\":\"", socket, ip4addr_ntoa(ip_2_ip4(source)), port);
    for (u16_t i = 0; i < data->tot_len; i++)
        at += sprintf(at, "%02x", pbuf_get_at(data, i));
    at += sprintf(at, "\"},");
    deliveries_len = at - deliveries;
}

/* ---- Time. */

static unsigned long long first_ns, now_ms;
static int has_begun;

u32_t sys_now(void)
{
    return (u32_t)now_ms;
}

/* Lets time pass until `ms`, each timer at its own moment. */
static void run_until(unsigned long long ms)
{
    for (;;) {
        u32_t sleep = sys_timeouts_sleeptime();
        if (sleep == SYS_TIMEOUTS_SLEEPTIME_INFINITE || now_ms + sleep > ms)
            break;
        now_ms += sleep;
        sys_check_timeouts();
    }
    if (ms > now_ms)
        now_ms = ms;
}

/* Time goes on to what the harness calls `ns`. The first it names is when the scenario began. */
static void run_to(unsigned long long ns)
{
    static unsigned long long start_ms;
    if (!has_begun) {
        has_begun = 1;
        first_ns = ns;
        start_ms = now_ms;
    }
    run_until(start_ms + (ns > first_ns ? ns - first_ns : 0) / 1000000);
}

/* ---- Interfaces. */

static struct netif interfaces[MOST];
static int interface_count;
static int is_ethernet[MOST];
/* ARP messages that were answered on behalf of the neighbors and wait to be received. */
static struct pbuf *waiting[64];
static struct netif *waiting_at[64];
static int waiting_count;

/* Answers the ARP request `frame`: every neighbor has the interface's own address, as where Linux has no ARP. */
static void answer_arp(struct netif *netif, const unsigned char *frame, u16_t len)
{
    unsigned char reply[ETHERNET + 28];
    if (len < sizeof reply || frame[21] != 1 || waiting_count == 64)
        return;
    memcpy(reply, frame, sizeof reply);
    memcpy(reply, netif->hwaddr, 6);
    memcpy(reply + 6, netif->hwaddr, 6);
    reply[21] = 2;
    memcpy(reply + 22, netif->hwaddr, 6);
    memcpy(reply + 28, frame + 38, 4);
    memcpy(reply + 32, netif->hwaddr, 6);
    memcpy(reply + 38, frame + 28, 4);
    struct pbuf *message = pbuf_alloc(PBUF_RAW, sizeof reply, PBUF_RAM);
    if (!message)
        return;
    pbuf_take(message, reply, sizeof reply);
    waiting[waiting_count] = message;
    waiting_at[waiting_count++] = netif;
}

static err_t transmit(struct netif *netif, struct pbuf *data)
{
    static unsigned char frame[HEADER + ETHERNET + 65535];
    int number = netif - interfaces;
    memset(frame, 0, HEADER);
    frame[1] = (unsigned char)number;
    u16_t len = pbuf_copy_partial(data, frame + HEADER, 65535, 0);
    if (is_ethernet[number] && frame[HEADER + 12] == 8 && frame[HEADER + 13] == 6)
        answer_arp(netif, frame + HEADER, len);
    else
        send(HARNESS, frame, HEADER + len, 0);
    return ERR_OK;
}

static err_t transmit_datagram(struct netif *netif, struct pbuf *data, const ip4_addr_t *to)
{
    (void)to;
    return transmit(netif, data);
}

static void receive(struct netif *netif, const void *frame, u16_t len)
{
    struct pbuf *data = pbuf_alloc(PBUF_RAW, len, PBUF_RAM);
    if (!data) {
        unsupported("has no memory for the frame");
        return;
    }
    pbuf_take(data, frame, len);
    if (netif->input(data, netif) != ERR_OK)
        pbuf_free(data);
}

/* Receives what neighbors answered, and what came of that. */
static void settle(void)
{
    for (int i = 0; i < waiting_count; i++)
        if (waiting_at[i]->input(waiting[i], waiting_at[i]) != ERR_OK)
            pbuf_free(waiting[i]);
    waiting_count = 0;
    for (int i = 0; i < interface_count; i++)
        netif_poll(&interfaces[i]);
}

static err_t set_up(struct netif *netif)
{
    int ethernet = is_ethernet[netif - interfaces];
    netif->name[0] = 'n';
    netif->name[1] = '0';
    netif->output = ethernet ? etharp_output : transmit_datagram;
    netif->linkoutput = transmit;
    netif->hwaddr_len = 6;
    netif->flags = NETIF_FLAG_IGMP | NETIF_FLAG_BROADCAST | (ethernet ? NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET : 0);
    return ERR_OK;
}

/* Reads an address, and with `mask` the length of the prefix after it. */
static int read_address(const char *value, ip4_addr_t *address, ip4_addr_t *mask)
{
    unsigned a, b, c, d, length = 32;
    int count = value ? sscanf(value, "\"%u.%u.%u.%u/%u", &a, &b, &c, &d, &length) : 0;
    if (count < 4)
        return 0;
    IP4_ADDR(address, a, b, c, d);
    if (mask)
        mask->addr = lwip_htonl(length ? 0xffffffffUL << (32 - length) : 0);
    return 1;
}

static void add_interface(const char *described)
{
    int number = interface_count++;
    struct netif *netif = &interfaces[number];
    unsigned m[6] = {2, 0, 0, 0, 0, 1};
    ip4_addr_t address = {0}, mask = {0}, none = {0};
    const char *addresses = json_first(json_member(described, "addresses"));
    const char *mac = json_member(described, "mac");
    if (!addresses)
        unsupported("uses no interface without an address");
    if (addresses && json_next(addresses))
        unsupported("has one address per interface");
    if (addresses && !read_address(addresses, &address, &mask))
        unsupported("cannot read an address");
    if (mac)
        sscanf(mac, "\"%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]);
    is_ethernet[number] = json_is(json_member(described, "link"), "ethernet");
    netif_add(netif, &address, &mask, &none, NULL, set_up, is_ethernet[number] ? ethernet_input : ip_input);
    for (int i = 0; i < 6; i++)
        netif->hwaddr[i] = (u8_t)m[i];
    netif->mtu = (u16_t)json_number(json_member(described, "mtu"), 1500);
    const char *up = json_member(described, "up");
    if (!up || *up == 't') {
        netif_set_up(netif);
        netif_set_link_up(netif);
    }
    for (const char *group = json_first(json_member(described, "groups")); group; group = json_next(group)) {
        ip4_addr_t joined;
        if (!read_address(group, &joined, NULL) || igmp_joingroup_netif(netif, &joined) != ERR_OK)
            unsupported("cannot join a group");
    }
}

/* lwIP knows subnets, a gateway for each interface, and an interface by default. */
static void add_route(const char *route, const char *scenario)
{
    ip4_addr_t to, mask, via = {0};
    const char *dev = json_member(route, "dev");
    int has_gateway = read_address(json_member(route, "via"), &via, NULL), out = -1, number = 0;
    if (!read_address(json_member(route, "to"), &to, &mask) || mask.addr != 0)
        unsupported("has no routes but those by default");
    if (json_member(route, "mtu") || json_member(route, "hoplimit") || json_member(route, "source"))
        unsupported("has no routes with metrics");
    for (const char *it = json_first(json_member(scenario, "interface")); it; it = json_next(it), number++) {
        struct netif *netif = &interfaces[number];
        int is_near = ip4_addr_netcmp(&via, netif_ip4_addr(netif), netif_ip4_netmask(netif));
        if (dev ? json_same(json_member(it, "name"), dev) : has_gateway && is_near)
            out = number;
    }
    if (out < 0 || netif_default) {
        unsupported("has one route by default, out of an interface");
        return;
    }
    if (is_ethernet[out] && !has_gateway)
        unsupported("has no routes without a gateway");
    netif_set_gw(&interfaces[out], &via);
    netif_set_default(&interfaces[out]);
}

/* ---- Sockets. */

static struct socket {
    enum { NONE, UDP, TCP, RAW } kind;
    int has_header;
    int is_listening;
    void *pcb;              /* of its kind; NULL once it is closed */
    struct tcp_pcb *stream; /* connection that data goes to */
} sockets[MOST];
static int socket_count;

static void udp_received(void *number, struct udp_pcb *pcb, struct pbuf *data, const ip_addr_t *from, u16_t port)
{
    (void)pcb;
    deliver((int)(size_t)number, from, port, data);
    pbuf_free(data);
}

static u8_t raw_received(void *number, struct raw_pcb *pcb, struct pbuf *data, const ip_addr_t *from)
{
    (void)pcb;
    deliver((int)(size_t)number, from, 0, data);
    return 0; /* It may be for others too. */
}

static void tcp_failed(void *number, err_t error)
{
    struct socket *socket = &sockets[(size_t)number];
    (void)error;
    socket->stream = NULL;
    if (!socket->is_listening)
        socket->pcb = NULL; /* lwIP has freed it. */
}

static err_t tcp_received(void *number, struct tcp_pcb *pcb, struct pbuf *data, err_t error)
{
    if (data && error == ERR_OK) {
        deliver((int)(size_t)number, &pcb->remote_ip, pcb->remote_port, data);
        tcp_recved(pcb, data->tot_len);
    }
    if (data)
        pbuf_free(data);
    return ERR_OK;
}

static void follow(struct tcp_pcb *pcb, size_t number)
{
    tcp_arg(pcb, (void *)number);
    tcp_recv(pcb, tcp_received);
    tcp_err(pcb, tcp_failed);
    sockets[number].stream = pcb;
}

static err_t tcp_is_accepted(void *number, struct tcp_pcb *pcb, err_t error)
{
    if (error == ERR_OK)
        follow(pcb, (size_t)number);
    return ERR_OK;
}

static err_t tcp_is_connected(void *number, struct tcp_pcb *pcb, err_t error)
{
    (void)number, (void)pcb, (void)error;
    return ERR_OK;
}

/* Reads an address with a port. */
static int read_endpoint(const char *value, ip_addr_t *address, u16_t *port)
{
    unsigned a, b, c, d, number;
    if (!value || sscanf(value, "\"%u.%u.%u.%u:%u", &a, &b, &c, &d, &number) != 5)
        return 0;
    IP_ADDR4(address, a, b, c, d);
    *port = (u16_t)number;
    return 1;
}

static void set_option(struct socket *socket, const char *name, long value)
{
    int is_raw = socket->kind == RAW;
    if (json_is(name, "recverr") || json_is(name, "recverr-rfc4884")) {
        return; /* lwIP tells no errors, and the harness does not ask for any. */
    } else if (json_is(name, "hdrincl") && is_raw) {
        socket->has_header = value != 0;
        raw_set_flags((struct raw_pcb *)socket->pcb, value ? RAW_FLAGS_HDRINCL : 0);
    } else if (json_is(name, "ttl") && value > 0 && value < 256) {
        struct udp_pcb *pcb = socket->pcb; /* All kinds begin alike (`IP_PCB`). */
        pcb->ttl = (u8_t)value;
    } else if (json_is(name, "tos") && value >= 0 && value < 256) {
        struct udp_pcb *pcb = socket->pcb;
        pcb->tos = (u8_t)value;
    } else if (json_is(name, "broadcast")) {
        struct udp_pcb *pcb = socket->pcb;
        pcb->so_options = (u8_t)(value ? pcb->so_options | SOF_BROADCAST : pcb->so_options & ~SOF_BROADCAST);
    } else {
        unsupported("does not have this socket option");
    }
}

static void connect_socket(struct socket *socket, const ip_addr_t *peer, u16_t port)
{
    if (socket->kind == UDP) {
        udp_connect(socket->pcb, peer, port);
    } else if (socket->kind == RAW) {
        raw_connect(socket->pcb, peer);
    } else if (socket->is_listening) {
        unsupported("cannot connect a socket that listens");
    } else {
        tcp_connect(socket->pcb, peer, port, tcp_is_connected);
    }
}

static void open_socket(const char *described)
{
    size_t number = socket_count++;
    struct socket *socket = &sockets[number];
    const char *kind = json_member(described, "kind");
    ip_addr_t address, peer;
    u16_t port = 0, peer_port = 0;
    int is_bound = read_endpoint(json_member(described, "local"), &address, &port);
    int is_connected = read_endpoint(json_member(described, "peer"), &peer, &peer_port);
    err_t bound = ERR_OK;
    if (json_is(kind, "udp")) {
        socket->kind = UDP;
        socket->pcb = udp_new();
        udp_recv(socket->pcb, udp_received, (void *)number);
        bound = is_bound ? udp_bind(socket->pcb, &address, port) : ERR_OK;
    } else if (json_is(kind, "raw")) {
        socket->kind = RAW;
        socket->pcb = raw_new((u8_t)json_number(json_member(described, "protocol"), 255));
        raw_recv(socket->pcb, raw_received, (void *)number);
        bound = is_bound ? raw_bind(socket->pcb, &address) : ERR_OK;
    } else if (json_is(kind, "tcp")) {
        socket->kind = TCP;
        socket->pcb = tcp_new();
        bound = is_bound ? tcp_bind(socket->pcb, &address, port) : ERR_OK;
        follow(socket->pcb, number);
    } else {
        unsupported("has no ping sockets");
        return;
    }
    if (bound != ERR_OK)
        unsupported("cannot bind a socket");
    const char *options = json_member(described, "options");
    for (const char *at = options ? options + 1 : ""; *at == '"';) {
        const char *value = json_past_string(at) + 1;
        set_option(socket, at, json_number(value, 0));
        at = json_past(value);
        at += *at == ',';
    }
    if (socket->kind == TCP && is_bound && !is_connected) {
        socket->is_listening = 1;
        socket->stream = NULL;
        socket->pcb = tcp_listen((struct tcp_pcb *)socket->pcb);
        tcp_arg(socket->pcb, (void *)number);
        tcp_accept(socket->pcb, tcp_is_accepted);
    }
    if (is_connected)
        connect_socket(socket, &peer, peer_port);
}

static void send_on(struct socket *socket, const char *action)
{
    const char *hex = json_member(action, "data");
    size_t len = hex ? (size_t)(json_past(hex) - hex - 2) / 2 : 0;
    ip_addr_t to;
    u16_t port = 0;
    int has_destination = read_endpoint(json_member(action, "to"), &to, &port);
    struct pbuf *data = len < 65536 ? pbuf_alloc(PBUF_TRANSPORT, (u16_t)len, PBUF_RAM) : NULL;
    if (!data) {
        unsupported("cannot send as much");
        return;
    }
    for (size_t i = 0; i < len; i++) {
        char pair[3] = {hex[1 + 2 * i], hex[2 + 2 * i], 0};
        pbuf_put_at(data, (u16_t)i, (u8_t)strtol(pair, NULL, 16));
    }
    if (socket->kind == UDP) {
        has_destination ? udp_sendto(socket->pcb, data, &to, port) : udp_send(socket->pcb, data);
    } else if (socket->kind == RAW) {
        has_destination ? raw_sendto(socket->pcb, data, &to) : raw_send(socket->pcb, data);
    } else if (socket->stream) {
        if (tcp_write(socket->stream, data->payload, (u16_t)len, TCP_WRITE_FLAG_COPY) == ERR_OK)
            tcp_output(socket->stream);
    }
    pbuf_free(data);
}

static void close_socket(struct socket *socket)
{
    if (socket->kind == UDP) {
        udp_remove(socket->pcb);
    } else if (socket->kind == RAW) {
        raw_remove(socket->pcb);
    } else {
        struct tcp_pcb *stream = socket->stream;
        if (stream) {
            tcp_recv(stream, NULL);
            tcp_err(stream, NULL);
            tcp_close(stream);
        }
        if (socket->is_listening)
            tcp_close(socket->pcb);
    }
    socket->pcb = NULL;
    socket->stream = NULL;
}

static void use_socket(const char *use)
{
    long number = json_number(json_member(use, "socket"), MOST);
    const char *action = json_member(use, "action"), *to;
    struct socket *socket = number < socket_count ? &sockets[number] : NULL;
    ip_addr_t peer;
    u16_t port;
    if (!socket)
        unsupported("was not told of such a socket");
    else if (!socket->pcb)
        return; /* It was closed: nothing comes of it. */
    else if (json_is(action, "close"))
        close_socket(socket);
    else if ((to = json_member(action, "send")))
        send_on(socket, to);
    else if ((to = json_member(action, "connect")) && read_endpoint(json_member(to, "to"), &peer, &port))
        connect_socket(socket, &peer, port);
    else if ((to = json_member(action, "set-option")))
        set_option(socket, json_member(to, "name"), json_number(json_member(to, "value"), 0));
}

/* ---- Scenarios. */

static void open_scenario(const char *scenario)
{
    int count = 0;
    for (const char *it = json_first(json_member(scenario, "interface")); it; it = json_next(it))
        count++;
    if (count > MOST || (count > 1 && json_is(json_member(scenario, "role"), "host"))) {
        unsupported("is built to forward, which is no host with several interfaces");
        return;
    }
    tcpip_init(NULL, NULL);
    LOCK_TCPIP_CORE();
    for (const char *it = json_first(json_member(scenario, "interface")); it; it = json_next(it))
        add_interface(it);
    for (const char *it = json_first(json_member(scenario, "route")); it; it = json_next(it))
        add_route(it, scenario);
    for (const char *it = json_first(json_member(scenario, "socket")); it && socket_count < MOST; it = json_next(it))
        open_socket(it);
    settle();
    run_until(1000); /* Reports of the groups joined come within half a second. */
    settle();
}

static void take_frame(const unsigned char *frame, long len)
{
    unsigned long long ns = 0;
    int number = frame[1];
    for (int i = 8; i < HEADER; i++)
        ns = ns << 8 | frame[i];
    run_to(ns);
    settle();
    if (number >= interface_count) {
        unsupported("was not told of such an interface");
    } else if (!netif_is_up(&interfaces[number])) {
        answer("{\"refused\":\"EIO\"}");
        return;
    } else if (is_ethernet[number] && len < HEADER + ETHERNET) {
        answer("{\"refused\":\"EINVAL\"}");
        return;
    } else if (len > HEADER) {
        receive(&interfaces[number], frame + HEADER, (u16_t)(len - HEADER));
    }
    settle();
    done();
}

static unsigned long long time_in(const char *asked)
{
    const char *ns = json_member(json_member(asked, "clock"), "monotonic-ns");
    return ns ? strtoull(ns, NULL, 10) : 0;
}

/* What is asked in JSON of an open scenario. */
static void respond(void)
{
    const char *asked;
    if ((asked = json_member(request, "advance"))) {
        run_to(time_in(asked));
        settle();
    } else if ((asked = json_member(request, "socket"))) {
        run_to(time_in(asked));
        settle();
        use_socket(asked);
        settle();
    } else {
        unsupported("does not tell");
    }
    done();
}

/* Reads the next request, which stays to be read again if `is_left`. */
static long next_request(int is_left)
{
    long len = recv(HARNESS, request, sizeof request - 1, is_left ? MSG_PEEK : 0);
    request[len > 0 ? len : 0] = 0;
    return len;
}

static int is_asked(const char *what)
{
    return request[0] == '{' && json_member(request, what) != NULL;
}

/* The life of a process that has a scenario. */
static int serve(void)
{
    /* Frames sent while a scenario is set up are nobody's answer. */
    int harness = dup(HARNESS), nowhere[2];
    long len = next_request(0);
    static char scenario[LONGEST];
    memcpy(scenario, request, len + 1);
    if (harness < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, nowhere) || dup2(nowhere[0], HARNESS) < 0)
        return 1;
    close(nowhere[1]);
    open_scenario(json_member(scenario, "open"));
    dup2(harness, HARNESS);
    deliveries_len = 0;
    done();
    while (next_request(1) > 0 && !is_asked("open") && !is_asked("hello")) {
        len = next_request(0);
        if (request[0] == 0 && len >= HEADER)
            take_frame((const unsigned char *)request, len);
        else
            respond();
        fflush(stdout);
    }
    return 0;
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    while (next_request(1) > 0) {
        int status = 0;
        if (is_asked("hello")) {
            next_request(0);
            answer("{\"protocol\":1,\"name\":\"lwIP\",\"version\":\"%s\",\"dimensions\":[\"frames\",\"deliveries\"]}",
                   LWIP_VERSION_STRING);
        } else if (is_asked("open")) {
            pid_t child = fork();
            if (child == 0)
                return serve();
            if (child < 0 || waitpid(child, &status, 0) < 0)
                return 1;
            if (status) {
                fprintf(stderr, "lwIP ended with status %d, signal %d\n", WEXITSTATUS(status), WTERMSIG(status));
                return 1;
            }
        } else {
            next_request(0);
            answer("{\"unsupported\":\"no scenario is open\"}");
        }
    }
    return 0;
}
