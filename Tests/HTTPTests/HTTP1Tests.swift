import NIOCore
import NIOPosix
import Testing

@testable import HTTP

/// Raw bytes of HTTP/1 against a real socket.
@Suite(.timeLimit(.minutes(1))) struct HTTP1Tests {
    private func exchange(
        _ request: String,
        limits: HTTPLimits = HTTPLimits(),
        byteByByte: Bool = false
    ) async throws -> String {
        nonisolated(unsafe) var response = ""
        try await withServer(limits: limits, handler: echo) { port, _ in
            let connection = try await RawConnection.connect(port: port)
            if byteByByte {
                for byte in request.utf8 { try await connection.send([byte]) }
            } else {
                try await connection.send(request)
            }
            response = await connection.receive()
        }
        return response
    }

    @Test(arguments: [false, true])
    func getThatCloses(byteByByte: Bool) async throws {
        let response = try await exchange(
            "GET /a?b=c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            byteByByte: byteByByte
        )
        #expect(response == "HTTP/1.1 200 OK\r\ncontent-length: 13\r\nconnection: close\r\n\r\nGET /a?b=c []")
    }

    @Test func bodiesByLengthAndInChunksSplitByteByByte() async throws {
        let response = try await exchange(
            "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                + "POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                + "2\r\nde\r\n1\r\nf\r\n0\r\n\r\n",
            byteByByte: true
        )
        #expect(response.hasSuffix("connection: close\r\n\r\nPOST /b [def]"))
        #expect(response.contains("POST /a [abc]HTTP/1.1 200 OK"))
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        let get = (0..<200).map { "GET /\($0) HTTP/1.1\r\nHost: x\r\n\r\n" }.joined()
        let response = try await exchange(get + "GET /last HTTP/1.0\r\n\r\n")
        let paths = response.split(separator: "GET /").dropFirst().map { $0.prefix { $0 != " " } }
        #expect(paths.map(String.init) == (0..<200).map(String.init) + ["last"])
    }

    @Test func streamedResponseIsChunkedInHTTP11AndPlainInHTTP10() async throws {
        let chunked = try await exchange("GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        #expect(chunked.hasSuffix("\r\n\r\n4\r\none,\r\n4\r\ntwo,\r\n5\r\nthree\r\n0\r\n\r\n"))
        let plain = try await exchange("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        #expect(plain == "HTTP/1.0 200 OK\r\nconnection: close\r\n\r\none,two,three")
    }

    @Test func headHasTheLengthAndNoBody() async throws {
        let response = try await exchange("HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        #expect(response == "HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\n")
    }

    @Test func bodyOverTheLimitIsRefusedBeforeItIsSent() async throws {
        let declared = try await exchange(
            "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\nExpect: 100-continue\r\n\r\n"
        )
        #expect(declared.hasPrefix("HTTP/1.1 413 "))
        #expect(!declared.contains("100 Continue"))
        let piece = String(repeating: "x", count: 50_000)
        let chunk = "c350\r\n\(piece)\r\n"
        let chunked = try await exchange(
            "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk + chunk
        )
        #expect(chunked.hasPrefix("HTTP/1.1 413 "))
    }

    @Test func expectedContinueIsSentOnce() async throws {
        try await withServer(handler: echo) { port, _ in
            let connection = try await RawConnection.connect(port: port)
            try await connection.send(
                "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
            )
            let interim = await connection.receive { $0.hasSuffix("\r\n\r\n") }
            #expect(interim == "HTTP/1.1 100 Continue\r\n\r\n")
            try await connection.send("ok")
            #expect(await connection.receive().hasSuffix("POST /a [ok]"))
        }
    }

    static let rejected: [(String, Int)] = [
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\nabc", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\nabc", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775808\r\n\r\nabc", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\nabc", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nabc", 501),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: x\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\n: c\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x y\r\n\r\n", 400),
        ("GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("GET / HTTP/3.0\r\nHost: x\r\n\r\n", 400),
        ("CONNECT a:80 HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n", 417),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n", 400),
        ("GET /\(String(repeating: "a", count: 9_000)) HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        ("GET /\(String(repeating: "a", count: 20_000)) HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        ("GET / HTTP/1.1\r\nHost: x\r\nA: \(String(repeating: "a", count: 17_000))\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\nHost: x\r\n" + String(repeating: "A: b\r\n", count: 101) + "\r\n", 431),
    ]

    @Test(arguments: rejected.indices)
    func malformedRequestGetsOneAnswerAndTheEnd(index: Int) async throws {
        let (request, status) = Self.rejected[index]
        let response = try await exchange(request + "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(response.hasPrefix("HTTP/1.1 \(status) "), "\(request.prefix(120).debugDescription)")
        #expect(response.split(separator: "HTTP/1.1 ").count == 1, "\(response)")
        #expect(response.contains("connection: close"))
    }

    @Test func twelveKilobytesOfHeadersAreServed() async throws {
        let value = String(repeating: "a", count: 12_000)
        let response = try await exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: \(value)\r\n\r\n")
        #expect(response.hasPrefix("HTTP/1.1 200 "))
    }

    @Test func absoluteTargetNamesTheAuthority() async throws {
        let response = try await exchange("GET http://h:1/p?q HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        #expect(response.hasSuffix("GET /p?q []"))
    }

    @Test func upgradeIsIgnored() async throws {
        let response = try await exchange(
            "GET /u HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
        )
        #expect(response.hasPrefix("HTTP/1.1 200 OK"))
        #expect(response.hasSuffix("GET /u []"))
    }

    @Test func slowHeadIsCutOffWhileOthersAreServed() async throws {
        var limits = HTTPLimits()
        limits.headerTimeout = .seconds(1)
        try await withServer(limits: limits, handler: echo) { port, _ in
            let slow = try await RawConnection.connect(port: port)
            try await slow.send("GET / HTTP/1.1\r\nHo")
            let other = try await RawConnection.connect(port: port)
            try await other.send("GET /o HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(await other.receive().hasSuffix("GET /o []"))
            #expect(await slow.receive().hasPrefix("HTTP/1.1 408 "))
        }
    }

    @Test func bodyThatTricklesIsCutOff() async throws {
        var limits = HTTPLimits()
        limits.headerTimeout = .seconds(1)
        try await withServer(limits: limits, handler: echo) { port, _ in
            let slow = try await RawConnection.connect(port: port)
            try await slow.send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n")
            let trickle = Task {
                while !Task.isCancelled {
                    try await slow.send("x")
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
            #expect(await slow.receive().hasPrefix("HTTP/1.1 408 "))
            trickle.cancel()
            _ = await trickle.result
        }
    }

    /// Whoever is answered before the request has come has to send it all the same, or make room.
    @Test func bodyThatStaysAwayAfterTheAnswerEndsTheConnection() throws {
        let bench = try ConnectionBench.http1 { $0.respond(ResponseHead(status: 404)) }
        try bench.receive("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        #expect(bench.text.hasPrefix("HTTP/1.1 404 "))
        let start = NIODeadline.now()
        bench.connection.sweep(now: start)
        try bench.receive("01234")
        #expect(bench.isOpen)
        bench.connection.sweep(now: start + HTTPLimits().headerTimeout.timeAmount)
        try bench.run()
        #expect(!bench.isOpen)
    }

    @Test func drainDoesNotWaitForTheRestOfARequestThatIsAnswered() async throws {
        try await withServer { exchange in
            exchange.respond(ResponseHead(status: 404))
        } _: { port, server in
            let connection = try await RawConnection.connect(port: port)
            try await connection.send("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
            _ = await connection.receive { $0.contains("404") }
            // Far beyond the time that this test has.
            await server.shutdown(grace: .seconds(600))
        }
    }

    @Test func requestsThatWaitedForOneAnswerAreFollowedByOthers() async throws {
        let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        let answer = "HTTP/1.1 204 "
        try await withServer { exchange in
            guard exchange.request.path == "/slow" else { return exchange.respond(ResponseHead(status: 204)) }
            let waiting = NIOLoopBound(exchange, eventLoop: exchange.eventLoop)
            exchange.eventLoop.scheduleTask(in: .milliseconds(300)) {
                waiting.value.respond(ResponseHead(status: 204))
            }
        } _: { port, _ in
            let connection = try await RawConnection.connect(port: port)
            let slow = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
            try await connection.send(slow + String(repeating: get, count: 40))
            _ = await connection.receive { $0.split(separator: answer).count == 41 }
            try await connection.send(get)
            let all = await connection.receive { $0.split(separator: answer).count == 42 }
            #expect(all.split(separator: answer).count == 42)
        }
    }

    @Test func answerInProgressOutlivesWhatFollowsABrokenRequest() throws {
        var exchanges: [Exchange] = []
        let bench = try ConnectionBench.http1 { exchanges.append($0) }
        try bench.receive("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nokgarbage\r\n\r\n")
        try bench.receive("more garbage\r\n\r\n")
        #expect(bench.isOpen && bench.sent.isEmpty)
        try #require(exchanges.first).respond(ResponseHead(status: 200))
        try bench.run()
        let answers = bench.text.split(separator: "HTTP/1.1 ").map { $0.prefix(3) }
        #expect(answers == ["200", "400"])
        #expect(bench.text.contains("connection: close"))
        #expect(!bench.connection.acceptsInput && exchanges.count == 1)
    }

    @Test func silentConnectionIsClosed() async throws {
        var limits = HTTPLimits()
        limits.prefaceTimeout = .seconds(1)
        try await withServer(limits: limits, handler: echo) { port, _ in
            let silent = try await RawConnection.connect(port: port)
            #expect(await silent.receive() == "")
        }
    }

    @Test func connectionAboveTheCapIsClosedAndTheOthersStay() async throws {
        var limits = HTTPLimits()
        limits.maxConnections = 1
        try await withServer(limits: limits, handler: echo) { port, _ in
            let first = try await RawConnection.connect(port: port)
            try await first.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = await first.receive { $0.hasSuffix("]") }
            let second = try await RawConnection.connect(port: port)
            #expect(await second.receive() == "")
            try await first.send("GET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(await first.receive().hasSuffix("GET /2 []"))
        }
    }

    @Test func exchangeOfALostConnectionIsClosedOnce() async throws {
        let (events, continuation) = AsyncStream.makeStream(of: CloseReason.self)
        try await withServer { exchange in
            exchange.onClose = { continuation.yield($0) }
            exchange.start(ResponseHead(status: 200))
            exchange.write(ByteBuffer(string: "x"))
        } _: { port, _ in
            let connection = try await RawConnection.connect(port: port)
            try await connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = await connection.receive { $0.contains("x\r\n") }
            connection.close()
            var iterator = events.makeAsyncIterator()
            #expect(await iterator.next() == .disconnected)
        }
        continuation.finish()
        for await reason in events { Issue.record("closed again: \(reason)") }
    }

    @Test func drainFinishesTheResponseAndClosesIdleConnections() async throws {
        try await withServer { exchange in
            exchange.start(ResponseHead(status: 200))
            exchange.write(ByteBuffer(string: "a"))
            exchange.onDrain = {
                exchange.write(ByteBuffer(string: "z"))
                exchange.finish()
            }
        } _: { port, server in
            let busy = try await RawConnection.connect(port: port)
            let idle = try await RawConnection.connect(port: port)
            try await busy.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = await busy.receive { $0.hasSuffix("a\r\n") }
            async let shutdown: Void = server.shutdown(grace: .seconds(10))
            #expect(await busy.receive().hasSuffix("1\r\na\r\n1\r\nz\r\n0\r\n\r\n"))
            #expect(await idle.receive() == "")
            await shutdown
        }
    }

    @Test func twoHundredStreamsThatAreLeftAreForgotten() async throws {
        let (closed, continuation) = AsyncStream.makeStream(of: CloseReason.self)
        try await withServer { exchange in
            exchange.onClose = { continuation.yield($0) }
            exchange.start(ResponseHead(status: 200, headers: ["content-type": "text/event-stream"]))
            exchange.write(ByteBuffer(string: "data: x\n\n"))
        } _: { port, server in
            var viewers: [RawConnection] = []
            for _ in 0..<200 {
                let viewer = try await RawConnection.connect(port: port)
                try await viewer.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
                _ = await viewer.receive { $0.contains("data: x") }
                viewers.append(viewer)
            }
            for viewer in viewers { viewer.close() }
            var reasons = closed.makeAsyncIterator()
            for _ in viewers { #expect(await reasons.next() == .disconnected) }
            // Returns when the last connection has ended, and here nobody is left to wait for.
            await server.shutdown(grace: .seconds(60))
        }
    }
}
