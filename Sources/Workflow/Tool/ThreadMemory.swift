public import Messages
internal import OrderedCollections
internal import Synchronization

/// What the tools of a thread remember from call to call and from run to run.
///
/// Made from the thread's record when a run begins (``init(json:)``) and put back with it (``json``), so that the next
/// run may be on another worker. Calls that run side by side share it: each access takes the lock for a moment.
public final class ThreadMemory: Sendable {
    private struct State {
        var todos: [Todo] = []
        var plan: JobPlan?
        var directory = ""
        /// By path, in the order of the last reading.
        var marks = OrderedDictionary<String, FileMark>()
        var hasChanged = false
    }

    private let state: Mutex<State>

    public init() { state = Mutex(State()) }

    /// Whether a tool has remembered something since it was made.
    var hasChanged: Bool { state.withLock { $0.hasChanged } }

    public var todos: [Todo] {
        get { state.withLock { $0.todos } }
        set { change { $0.todos = newValue } }
    }

    public var plan: JobPlan? {
        get { state.withLock { $0.plan } }
        set { change { $0.plan = newValue } }
    }

    /// Where the next command starts, relative to the workspace; empty for the workspace itself.
    public var directory: String {
        get { state.withLock { $0.directory } }
        set { change { $0.directory = newValue } }
    }

    /// The state in which the model last saw a file; the path is ``Workspace/File/path``.
    func mark(of path: String) -> FileMark? { state.withLock { $0.marks[path] } }

    /// The files that are remembered as read; the one read longest ago is forgotten for one more.
    static let markLimit = 500

    func remember(_ mark: FileMark, of path: String) {
        change { state in
            state.marks[path] = nil
            state.marks[path] = mark
            if state.marks.count > Self.markLimit { state.marks.removeFirst() }
        }
    }

    private func change(_ change: (inout State) -> Void) {
        state.withLock { state in
            change(&state)
            state.hasChanged = true
        }
    }
}

/// A file's content as the model last saw it: enough to tell whether it has changed since. The time of the change is
/// not part of it: a file that was only touched has not changed, and one that was may have the same time.
struct FileMark: Sendable, Hashable {
    /// Bytes.
    var size: Int
    /// FNV-1a, 64 bits: the same on every worker, unlike `Hasher`; files are not hidden from their own agent by
    /// collisions.
    var hash: UInt64

    init(_ content: [UInt8]) {
        size = content.count
        hash = content.withUnsafeBufferPointer { bytes in
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            return hash
        }
    }
}

// MARK: - The stored form

extension ThreadMemory {
    public var json: JSON {
        state.withLock { state in
            [
                "todos": .array(state.todos.map(\.json)),
                "plan": state.plan?.json ?? .null,
                "directory": .string(state.directory),
                "read": .object(state.marks.mapValues(\.json)),
            ]
        }
    }

    /// Takes over what ``json`` made. What is missing or malformed is taken as empty: a todo list must not keep a
    /// thread from going on, and a file that is not remembered as read is read again.
    public convenience init(json: JSON) {
        self.init()
        state.withLock { state in
            state.todos = json["todos"]?.array?.compactMap(Todo.init) ?? []
            state.plan = json["plan"].flatMap(JobPlan.init)
            state.directory = json["directory"]?.string ?? ""
            for (path, mark) in json["read"]?.object ?? [:] { state.marks[path] = FileMark(json: mark) }
        }
    }
}

extension FileMark {
    fileprivate var json: JSON { [JSON(size), .int(Int64(bitPattern: hash))] }

    fileprivate init?(json: JSON) {
        guard let size = json[0]?.int, let hash = json[1]?.int else { return nil }
        self.size = size
        self.hash = UInt64(bitPattern: Int64(hash))
    }
}

extension Todo {
    var json: JSON { ["id": .string(id), "content": .string(content), "status": .string(status.rawValue)] }

    init?(_ json: JSON) {
        guard let id = json["id"]?.string, let content = json["content"]?.string,
            let status = json["status"]?.string.flatMap(Status.init)
        else { return nil }
        self.init(id: id, content: content, status: status)
    }
}

extension JobPlan {
    var json: JSON { ["goal": .string(goal), "steps": .array(steps.map(\.json))] }

    init?(_ json: JSON) {
        guard let goal = json["goal"]?.string, let steps = json["steps"]?.array else { return nil }
        self.init(goal: goal, steps: steps.compactMap(Step.init))
    }
}

extension JobPlan.Step {
    var json: JSON {
        ["id": .string(id), "title": .string(title), "depends_on": .array(dependsOn.map { .string($0) })]
    }

    init?(_ json: JSON) {
        guard let id = json["id"]?.string, let title = json["title"]?.string else { return nil }
        self.init(id: id, title: title, dependsOn: json["depends_on"]?.array?.compactMap(\.string) ?? [])
    }
}
