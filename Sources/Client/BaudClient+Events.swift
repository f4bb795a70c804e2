public import Messages

extension BaudClient {
    /// The events of a thread, or of one of its runs, in order: first the stored ones, then the new ones as they come.
    ///
    /// - Parameters:
    ///   - lastID: the id of the last event one has; the sequence goes on after it. Empty or `0`: from the oldest; `$`:
    ///     only what is new.
    ///   - run: if given, only its events come, and the sequence ends after its final one.
    public func events(of thread: String, after lastID: String = "", run: String? = nil) -> ThreadEvents {
        ThreadEvents(
            client: self,
            request: StreamThreadRequest(threadID: thread, lastID: lastID, runID: run ?? "")
        )
    }
}
