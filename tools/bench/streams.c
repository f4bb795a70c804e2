// streams PORT CONNECTIONS STREAMS PATH COUNT [--expect BYTES] [--trigger PATH COUNT] [--window BYTES]
//
// A gRPC client for tools/bench/rpc that costs as little as it can: it opens STREAMS calls of PATH on each of CONNECTIONS, each
// with COUNT as its message (4 bytes, most significant first), and counts the bytes of DATA that come back. It decodes nothing
// else, and its windows are so large (2^31-1, or --window for a stream's) that it never has to widen one.
//
// It works in stages and says when it has reached one; a line on its input begins the next, its end ends the program:
//   connected   the server has sent its SETTINGS on every connection
//   open        every call has response headers
//   done S      every call has ended, S seconds after the last line was read, and BYTES came; only with --expect. With
//               --trigger it makes one further call first, whose answer does not count, and the stage takes a line of its own.
// Whatever else happens is an error: a message on standard error, exit status 1.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// RFC 9113 section 6.
enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8 };
enum { LARGEST_WINDOW = 0x7fffffff, HEADER_LENGTH = 9 };

struct connection {
    int socket;
    uint8_t header[HEADER_LENGTH]; // of the frame that is being read
    uint8_t small[8];              // the beginning of its payload
    uint32_t have, length, read;   // bytes of its header; its payload's, and how many of them have come
    uint32_t lastStream;           // the last stream of those that count
    uint8_t *answered;             // by stream: whether its response has begun
};

static struct connection *connections;
static long connectionCount, streamCount;
static long settled, opened, ended; // connections with SETTINGS, streams with headers, streams that have ended
static uint64_t received;           // bytes of DATA
static uint8_t chunk[256 * 1024];

static void fail(const char *what) {
    fprintf(stderr, "streams: %s\n", what);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

// MARK: Sending

static void put32(uint8_t *to, uint32_t value) {
    for (int i = 0; i < 4; i++) to[i] = value >> (24 - 8 * i);
}

static uint8_t *frame(uint8_t *to, uint32_t length, uint8_t type, uint8_t flags, uint32_t stream) {
    put32(to, length << 8 | type);
    to[4] = flags;
    put32(to + 5, stream);
    return to + HEADER_LENGTH;
}

// The socket is made to block for the little there is to send.
static void sendAll(struct connection *connection, const uint8_t *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = send(connection->socket, bytes, count, MSG_NOSIGNAL);
        if (sent < 0) fail("a connection cannot be written");
        bytes += sent;
        count -= sent;
    }
}

static void begin(struct connection *connection, uint32_t window) {
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    uint8_t bytes[128], *end = bytes + sizeof preface - 1;
    memcpy(bytes, preface, sizeof preface - 1);
    end = frame(end, 12, SETTINGS, 0, 0);
    put32(end + 2, 0); // SETTINGS_ENABLE_PUSH = 0
    end[0] = 0, end[1] = 2;
    end[6] = 0, end[7] = 4; // SETTINGS_INITIAL_WINDOW_SIZE
    put32(end + 8, window);
    end = frame(end + 12, 4, WINDOW_UPDATE, 0, 0);
    put32(end, LARGEST_WINDOW - 65535);
    sendAll(connection, bytes, end + 4 - bytes);
}

// A field that is not to be indexed (RFC 7541 section 6.2.2); the name is one of the static table, or spelled out.
static uint8_t *field(uint8_t *to, int name, const char *spelled, const char *value) {
    if (name < 15) *to++ = name;
    else *to++ = 15, *to++ = name - 15;
    if (name == 0) {
        *to++ = strlen(spelled);
        to = stpcpy((char *)to, spelled) - (char *)to + to;
    }
    *to++ = strlen(value);
    return stpcpy((char *)to, value) - (char *)to + to;
}

static void call(struct connection *connection, uint32_t stream, const char *path, uint32_t count) {
    uint8_t bytes[512], *end = bytes + HEADER_LENGTH;
    *end++ = 0x83; // :method POST
    *end++ = 0x86; // :scheme http
    end = field(end, 4, NULL, path);
    end = field(end, 1, NULL, "127.0.0.1");
    end = field(end, 31, NULL, "application/grpc+raw");
    end = field(end, 0, "te", "trailers");
    frame(bytes, end - bytes - HEADER_LENGTH, HEADERS, END_HEADERS, stream);
    end = frame(end, 9, DATA, END_STREAM, stream);
    *end = 0; // the message is not compressed
    put32(end + 1, 4);
    put32(end + 5, count);
    sendAll(connection, bytes, end + 9 - bytes);
}

// MARK: Receiving

static uint32_t get32(const uint8_t *from) {
    return (uint32_t)from[0] << 24 | from[1] << 16 | from[2] << 8 | from[3];
}

static void respond(struct connection *connection, uint8_t type, uint32_t length) {
    uint8_t bytes[HEADER_LENGTH + 8];
    memcpy(frame(bytes, length, type, ACK, 0), connection->small, length);
    sendAll(connection, bytes, HEADER_LENGTH + length);
}

// A whole frame has come.
static void frameEnded(struct connection *connection) {
    uint8_t type = connection->header[3], flags = connection->header[4];
    uint32_t stream = get32(connection->header + 5) & LARGEST_WINDOW;
    int counts = stream > 0 && stream <= connection->lastStream;
    if (type == RST_STREAM) fail("a stream was reset");
    if (type == GOAWAY) fail("a connection was ended by GOAWAY");
    if (type == SETTINGS && !(flags & ACK)) {
        settled++;
        respond(connection, SETTINGS, 0);
    }
    if (type == PING && !(flags & ACK)) respond(connection, PING, 8);
    if (counts && type == DATA) received += connection->length;
    if (counts && type == HEADERS && !connection->answered[stream / 2]) {
        connection->answered[stream / 2] = 1;
        opened++;
    }
    if (counts && (type == DATA || type == HEADERS) && flags & END_STREAM) ended++;
}

static void parse(struct connection *connection, const uint8_t *bytes, size_t count) {
    while (count > 0) {
        if (connection->have < HEADER_LENGTH) {
            connection->header[connection->have++] = *bytes++;
            count--;
            if (connection->have < HEADER_LENGTH) continue;
            connection->length = get32(connection->header) >> 8;
            connection->read = 0;
            if (connection->header[3] == DATA && connection->header[4] & PADDED) fail("DATA is padded");
        }
        uint32_t rest = connection->length - connection->read, part = count < rest ? count : rest;
        for (uint32_t i = 0; i < part && connection->read + i < sizeof connection->small; i++)
            connection->small[connection->read + i] = bytes[i];
        connection->read += part;
        bytes += part;
        count -= part;
        if (connection->read < connection->length) continue;
        frameEnded(connection);
        connection->have = 0;
    }
}

static void receive(struct connection *connection) {
    ssize_t count = recv(connection->socket, chunk, sizeof chunk, MSG_DONTWAIT);
    if (count > 0) return parse(connection, chunk, count);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    fail("a connection was closed");
}

// MARK: Stages

static int events;

static void turn(int timeout) {
    struct epoll_event ready[256];
    int count = epoll_wait(events, ready, 256, timeout);
    for (int i = 0; i < count; i++) receive(ready[i].data.ptr);
}

static void await(long *count, long wanted) {
    while (*count < wanted) turn(-1);
}

// Goes on receiving until a line, or the end, comes on the input.
static void awaitLine(void) {
    struct pollfd ready[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = events, .events = POLLIN}};
    for (;;) {
        poll(ready, 2, -1);
        if (ready[1].revents) turn(0);
        if (!ready[0].revents) continue;
        char byte;
        do
            if (read(STDIN_FILENO, &byte, 1) <= 0) exit(0);
        while (byte != '\n');
        return;
    }
}

static void establish(int port, uint32_t window) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    events = epoll_create1(0);
    for (long i = 0; i < connectionCount; i++) {
        struct connection *connection = &connections[i];
        int on = 1;
        connection->socket = socket(AF_INET, SOCK_STREAM, 0);
        if (connection->socket < 0) fail("there are too few file descriptors");
        if (connect(connection->socket, (struct sockaddr *)&address, sizeof address) != 0) fail("the port is not open");
        setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connection->lastStream = streamCount > 0 ? 2 * streamCount - 1 : 0;
        connection->answered = calloc(streamCount + 1, 1);
        begin(connection, window);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        epoll_ctl(events, EPOLL_CTL_ADD, connection->socket, &event);
    }
    await(&settled, connectionCount);
}

static void say(const char *stage) {
    puts(stage);
    fflush(stdout);
}

int main(int count, char **arguments) {
    if (count < 6) fail("usage: streams PORT CONNECTIONS STREAMS PATH COUNT [--expect BYTES] [--trigger PATH COUNT] "
                        "[--window BYTES]");
    const char *trigger = NULL;
    uint32_t triggerCount = 0, window = LARGEST_WINDOW;
    uint64_t expected = 0;
    for (int i = 6; i < count; i++) {
        if (strcmp(arguments[i], "--expect") == 0 && i + 1 < count) expected = strtoull(arguments[++i], NULL, 10);
        else if (strcmp(arguments[i], "--window") == 0 && i + 1 < count) window = atol(arguments[++i]);
        else if (strcmp(arguments[i], "--trigger") == 0 && i + 2 < count) {
            trigger = arguments[++i];
            triggerCount = atol(arguments[++i]);
        } else fail("an option is not understood");
    }
    connectionCount = atol(arguments[2]);
    streamCount = atol(arguments[3]);
    connections = calloc(connectionCount, sizeof *connections);

    establish(atoi(arguments[1]), window);
    say("connected");
    awaitLine();
    double start = now();
    for (long i = 0; i < connectionCount; i++)
        for (long j = 0; j < streamCount; j++) call(&connections[i], 2 * j + 1, arguments[4], atol(arguments[5]));
    await(&opened, connectionCount * streamCount);
    say("open");
    if (trigger) {
        awaitLine();
        start = now();
        call(&connections[0], connections[0].lastStream + 2, trigger, triggerCount);
    }
    if (expected > 0) {
        await(&ended, connectionCount * streamCount);
        double seconds = now() - start;
        if (received != expected) fail("it is not the expected number of bytes that came");
        printf("done %f\n", seconds);
        fflush(stdout);
    }
    awaitLine();
}
