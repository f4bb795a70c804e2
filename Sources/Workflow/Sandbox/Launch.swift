/// The steps between the worker and a command that only a shell can take: limits are set in the process that becomes
/// the command.
enum Launch {
    /// Joins the control groups named before `--` and becomes what is named after it.
    ///
    /// - Parameter ignoringTermination: for bubblewrap, which must outlive the TERM that its command is given two
    ///   seconds after; the command itself gets the default back (``limited(_:_:namespaced:)``).
    static func joining(_ groups: [String], _ arguments: [String], ignoringTermination: Bool) -> [String] {
        let trap = ignoringTermination ? "trap '' TERM; " : ""
        let join = #"while [ "$1" != -- ]; do echo 0 > "$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@""#
        return ["/bin/sh", "-c", trap + join, "sh"] + groups + ["--"] + arguments
    }

    /// Sets the rlimits, hard and soft, and becomes the command.
    ///
    /// RLIMIT_DATA rather than RLIMIT_AS: runtimes reserve far more addresses than they use.
    /// - Parameter namespaced: whether this is within bubblewrap. There RLIMIT_NPROC counts the command's processes
    ///   (elsewhere all of the worker's user, so it is not set), and TERM is ignored up to here.
    static func limited(_ arguments: [String], _ limits: SandboxLimits, namespaced: Bool) -> [String] {
        let ulimit = "ulimit -c 0 -d \(limits.memory >> 10) -f \(limits.fileSize >> 10)"
        let script =
            namespaced
            ? #"\#(ulimit) -u \#(limits.processes) && exec env --default-signal=TERM "$@""#
            : #"\#(ulimit) && exec "$@""#
        return ["/bin/bash", "-c", script, "bash"] + arguments
    }
}
