internal import CCurl
internal import Glibc

/// One request and its response, as libcurl sees it. Owned by ``TransferLoop``; everything here runs on its thread.
///
/// Owns the easy handle and the lists that belong to it. The address of this object is the context of the handle's
/// callbacks, so the loop keeps it until the handle is off the multi handle.
final class Transfer {
    /// Bytes of a response's header section, over all its lines.
    private static let headLimit = 256 * 1024

    let channel: ResponseChannel
    let easy: UnsafeMutableRawPointer
    /// When the transfer has waited too long, by the monotonic clock in milliseconds.
    private(set) var deadline: Int64
    private let idleMilliseconds: Int64
    /// Whether the transfer stands still because its reader lags.
    private(set) var isPaused = false
    private var endsSoon = false

    private var lists: [UnsafeMutablePointer<curl_slist>] = []
    private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    private var head = ResponseChannel.Head()
    private var headSize = 0
    private var hasHead = false
    private var failure: CurlError?
    /// An address to which no connection may be opened, if the host has one.
    private var refused: IPAddress?

    init(_ request: CurlRequest, _ configuration: CurlClient.Configuration, _ channel: ResponseChannel)
        throws(CurlError)
    {
        guard let easy = curl_easy_init() else { throw CurlError(.failed, "curl_easy_init failed") }
        self.easy = easy
        self.channel = channel
        deadline = monotonicMilliseconds() + request.firstByteTimeout.milliseconds
        idleMilliseconds = max(1, request.idleTimeout.milliseconds)
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        try configure(configuration)
        try configure(request)
    }

    deinit {
        curl_easy_cleanup(easy)
        for list in lists { curl_slist_free_all(list) }
        errorText.deallocate()
    }

    // MARK: Options

    private func configure(_ configuration: CurlClient.Configuration) throws(CurlError) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        try check(baud_curl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText))
        try check(baud_curl_set_pointer(easy, CURLOPT_PRIVATE, context))
        try check(baud_curl_set_callback(easy, CURLOPT_HEADERFUNCTION, onHeader))
        try check(baud_curl_set_pointer(easy, CURLOPT_HEADERDATA, context))
        try check(baud_curl_set_callback(easy, CURLOPT_WRITEFUNCTION, onBody))
        try check(baud_curl_set_pointer(easy, CURLOPT_WRITEDATA, context))
        try set(CURLOPT_PROTOCOLS_STR, "http,https")
        try set(CURLOPT_NOSIGNAL, 1)
        try set(CURLOPT_NOPROGRESS, 1)
        try set(CURLOPT_TCP_KEEPALIVE, 1)
        try set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS)
        // A new request waits for a connection under way, to become a stream on it, rather than open one of its own.
        try set(CURLOPT_PIPEWAIT, 1)
        // What a proxy answers to CONNECT is not the response.
        try set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        try set(CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(configuration.connectTimeout.milliseconds)))
        if let path = configuration.certificateAuthorities { try set(CURLOPT_CAINFO, path) }
    }

    private func configure(_ request: CurlRequest) throws(CurlError) {
        try set(CURLOPT_URL, request.url)
        try setHeaders(of: request)
        if request.isPublicOnly {
            let context = Unmanaged.passUnretained(self).toOpaque()
            try check(baud_curl_set_opensocket_callback(easy, onOpenSocket))
            try check(baud_curl_set_pointer(easy, CURLOPT_OPENSOCKETDATA, context))
            try set(CURLOPT_PROXY, "")
        }
        if let address = request.connectTo { try setList(CURLOPT_CONNECT_TO, ["::\(address):"]) }
        let takesBody = ["POST", "PUT", "PATCH"].contains(request.method)
        if let body = request.body ?? (takesBody ? [] : nil) { try setBody(body) }
        switch (request.method, request.body) {
        case ("GET", nil), ("POST", _): break
        case ("HEAD", _): try set(CURLOPT_NOBODY, 1)
        case (let method, _): try set(CURLOPT_CUSTOMREQUEST, method)
        }
    }

    /// libcurl copies the body; it must know the size before, and for an empty one any address will do.
    private func setBody(_ body: [UInt8]) throws(CurlError) {
        try check(baud_curl_set_size(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)))
        let code = body.withUnsafeBytes { bytes in
            let start = bytes.baseAddress.map { UnsafeMutableRawPointer(mutating: $0) }
            return baud_curl_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, start ?? UnsafeMutableRawPointer(errorText))
        }
        try check(code)
    }

    private func setHeaders(of request: CurlRequest) throws(CurlError) {
        // Without these, libcurl would wait for `100 Continue`, and call every body a form.
        var lines = ["Expect:"]
        let hasType = request.headers.contains { $0.name.lowercased() == "content-type" }
        if !hasType { lines.append("Content-Type:") }
        // "Name:" would take a header away; an empty one is written with a semicolon.
        lines += request.headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
        try setList(CURLOPT_HTTPHEADER, lines)
    }

    private func setList(_ option: CURLoption, _ lines: [String]) throws(CurlError) {
        var list: UnsafeMutablePointer<curl_slist>?
        for line in lines {
            guard let longer = curl_slist_append(list, line) else {
                curl_slist_free_all(list)
                throw CurlError(.failed, "out of memory")
            }
            list = longer
        }
        if let list { lists.append(list) }
        try check(baud_curl_set_list(easy, option, list))
    }

    private func set(_ option: CURLoption, _ value: Int) throws(CurlError) {
        try check(baud_curl_set_long(easy, option, value))
    }

    private func set(_ option: CURLoption, _ value: String) throws(CurlError) {
        try check(baud_curl_set_string(easy, option, value))
    }

    private func check(_ code: CURLcode) throws(CurlError) {
        guard code == CURLE_OK else { throw CurlError(code, detail: "") }
    }

    // MARK: The connection

    /// Called for each address that is tried, with ``CurlRequest/isPublicOnly``.
    fileprivate func openSocket(to target: UnsafePointer<curl_sockaddr>) -> curl_socket_t {
        // The address goes on behind the struct's end where its family needs that, so it is not to be copied.
        guard let address = target.pointer(to: \.addr), let peer = IPAddress(address), peer.isPublic else {
            refused = target.pointer(to: \.addr).flatMap { IPAddress($0) }
            return CURL_SOCKET_BAD
        }
        let kind = target.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
        return socket(target.pointee.family, kind, target.pointee.protocol)
    }

    // MARK: The response

    fileprivate func receive(header line: UnsafeRawBufferPointer) -> Bool {
        headSize += line.count
        guard headSize <= Self.headLimit else {
            failure = CurlError(.protocol, "the header section is larger than \(Self.headLimit) bytes")
            return false
        }
        // Lines after the head are trailers.
        if !hasHead { receive(headLine: trimmed(line[...])) }
        return true
    }

    private func receive(headLine line: Slice<UnsafeRawBufferPointer>) {
        if line.starts(with: "HTTP/".utf8) {
            head = ResponseChannel.Head()
            head.version = String(decoding: line.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)
        } else if line.isEmpty {
            finishHead()
        } else if let colon = line.firstIndex(of: UInt8(ascii: ":")) {
            let name = String(decoding: line[..<colon], as: UTF8.self)
            head.headers.append(name: name, value: String(decoding: trimmed(line[(colon + 1)...]), as: UTF8.self))
        }
    }

    private func finishHead() {
        var status = 0
        guard baud_curl_get_response_code(easy, &status) == CURLE_OK, status >= 200 || status == 101 else { return }
        hasHead = true
        head.status = status
        channel.deliver(head: head)
    }

    fileprivate func receive(body bytes: UnsafeRawBufferPointer) -> Int {
        extendDeadline()
        isPaused = !channel.deliver(body: bytes)
        return isPaused ? BAUD_CURL_PAUSE_WRITE : bytes.count
    }

    private func extendDeadline() {
        if !endsSoon { deadline = monotonicMilliseconds() + idleMilliseconds }
    }

    /// The deadline, or the one that a byte that comes now would bring: the limit between bytes may be the shorter one.
    func earliestDeadline(from now: Int64) -> Int64 { min(deadline, now + idleMilliseconds) }

    /// Nobody reads the body any more: what is left of it gets a second, however it comes.
    func endSoon() {
        deadline = monotonicMilliseconds() + 1000
        endsSoon = true
    }

    /// Lets a paused transfer go on; the callback may be called from in here.
    func resume() -> CURLcode {
        isPaused = false
        extendDeadline()
        return curl_easy_pause(easy, CInt(BAUD_CURL_CONTINUE))
    }

    /// What a finished transfer's code means; nil for success.
    func error(for code: CURLcode) -> CurlError? {
        if let failure { return failure }
        if code == CURLE_COULDNT_CONNECT, let refused {
            return CurlError(.forbidden, "the host's address \(refused) is not public")
        }
        return code == CURLE_OK ? nil : CurlError(code, detail: String(cString: errorText))
    }
}

extension CurlError {
    init(_ code: CURLcode, detail: String) {
        self.init(Code(code), detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail)
    }
}

extension CurlError.Code {
    init(_ code: CURLcode) {
        switch code {
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_FUNCTION_ARGUMENT: self = .invalidRequest
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_PROXY:
            self = .connect
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CIPHER, CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_ISSUER_ERROR:
            self = .tls
        case CURLE_OPERATION_TIMEDOUT: self = .timeout
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_HTTP2, CURLE_HTTP2_STREAM: self = .reset
        case CURLE_PARTIAL_FILE: self = .truncated
        case CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING: self = .protocol
        default: self = .failed
        }
    }
}

// MARK: - Callbacks of libcurl

private func onHeader(bytes: UnsafeMutablePointer<CChar>?, size: Int, count: Int, context: UnsafeMutableRawPointer?)
    -> Int
{
    guard let bytes, let context else { return 0 }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    return transfer.receive(header: UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
}

private func onBody(bytes: UnsafeMutablePointer<CChar>?, size: Int, count: Int, context: UnsafeMutableRawPointer?)
    -> Int
{
    guard let bytes, let context else { return 0 }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    return transfer.receive(body: UnsafeRawBufferPointer(start: bytes, count: size * count))
}

private func onOpenSocket(
    context: UnsafeMutableRawPointer?,
    purpose: curlsocktype,
    address: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
    guard let context, let address else { return CURL_SOCKET_BAD }
    return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().openSocket(to: address)
}

/// Without blanks and line ends around it.
private func trimmed(_ line: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
    let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0d || byte == 0x0a }
    var line = line.drop(while: isBlank)
    while let last = line.last, isBlank(last) { line.removeLast() }
    return line
}
