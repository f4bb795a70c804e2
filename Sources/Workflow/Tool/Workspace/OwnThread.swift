internal import Glibc

/// Runs blocking work on a thread of its own, made for it.
///
/// There are as few cooperative threads as cores, and a pool can be filled by commands that run for minutes; a thread
/// costs some ten microseconds beside the milliseconds of any tool. There are as many at once as there are calls at
/// once.
///
/// - Throws: what `body` throws, or ``ToolError`` where the system has no thread left.
func onOwnThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws(ToolError) -> Value
) async throws(ToolError) -> Value {
    let result = await withCheckedContinuation { (continuation: CheckedContinuation<Result<Value, ToolError>, Never>) in
        let job = Unmanaged.passRetained(Job { continuation.resume(returning: Result(catching: body)) })
        guard !startDetachedThread(job) else { return }
        job.release()
        continuation.resume(returning: .failure(ToolError("The worker has no thread left; try again later")))
    }
    return try result.get()
}

/// What a new thread is handed through C.
private final class Job {
    let run: @Sendable () -> Void
    init(run: @escaping @Sendable () -> Void) { self.run = run }
}

/// - Returns: whether there is a thread, which then owns the job.
private func startDetachedThread(_ job: Unmanaged<Job>) -> Bool {
    var attributes = pthread_attr_t()
    guard pthread_attr_init(&attributes) == 0 else { return false }
    defer { pthread_attr_destroy(&attributes) }
    guard pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED)) == 0 else { return false }
    var thread = pthread_t()
    let result = pthread_create(
        &thread,
        &attributes,
        { argument in
            guard let argument else { return nil }
            Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().run()
            return nil
        },
        job.toOpaque()
    )
    return result == 0
}
