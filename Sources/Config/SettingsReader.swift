internal import Configuration
internal import Synchronization

/// Reads settings from flags, environment and file, in this order, and gathers everything that is wrong with them.
///
/// Every setting that is read is known from then on; what else stands in the file is an unknown one. Used once, while
/// the program starts.
final class SettingsReader {
    private enum Source: CaseIterable {
        case flag
        case environment
        case file
    }

    static let environmentPrefix = "BAUD_"

    private(set) var problems: [String] = []
    private let flags: [String: String]
    private let environment: [String: String]
    private let file: TOMLProvider
    private let reader: ConfigReader
    private let access = LastAccess()
    private var known: Set<[String]> = []
    /// Tables whose keys the user chooses.
    private var openTables: Set<[String]> = []

    /// - Parameters:
    ///   - flags: by the setting's name in the file (`redis.url`).
    ///   - environment: the variables with the prefix `BAUD_` count.
    init(flags: [String: String], environment: [String: String], file: TOMLProvider) {
        self.flags = flags
        self.environment = environment
        self.file = file
        var ownVariables: [String: String] = [:]
        for (name, value) in environment where name.hasPrefix(Self.environmentPrefix) {
            ownVariables[String(name.dropFirst(Self.environmentPrefix.count))] = value
        }
        var flagVariables: [String: String] = [:]
        for (name, value) in flags { flagVariables[SettingKey(stringLiteral: name).environmentName] = value }
        // In the order of `Source`.
        let providers: [any ConfigProvider] = [
            EnvironmentVariablesProvider(environmentVariables: flagVariables),
            EnvironmentVariablesProvider(environmentVariables: ownVariables),
            file,
        ]
        reader = ConfigReader(providers: providers, accessReporter: access)
    }

    // MARK: Reading

    func read(_ value: inout String, _ key: SettingKey) {
        if let text = look(key, "must be a text", { reader.string(forKey: $0) }) { value = text }
    }

    func read(_ value: inout Secret, _ key: SettingKey) {
        let text = look(key, "must be a text", isSecret: true) { reader.string(forKey: $0, isSecret: true) }
        if let text { value = Secret(text) }
    }

    func read(_ value: inout Bool, _ key: SettingKey) {
        if let flag = look(key, "allowed are true, false", { reader.bool(forKey: $0) }) { value = flag }
    }

    func read(_ value: inout [String], _ key: SettingKey) {
        let texts = look(key, "must be a list of texts") { reader.stringArray(forKey: $0) }
        // A list in the environment is separated by commas: the empty one has one empty element.
        if let texts { value = texts.filter { !$0.isEmpty } }
    }

    func read(_ value: inout Int, _ key: SettingKey, _ range: ClosedRange<Int>) {
        let rule = "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let number = look(key, rule, { reader.int(forKey: $0) }) else { return }
        guard range.contains(number) else { return report(key, rule) }
        value = number
    }

    func readMilliseconds(_ value: inout Duration, _ key: SettingKey, _ range: ClosedRange<Int>) {
        // -1 is outside every range: it stands for "not set".
        var number = -1
        read(&number, key, range)
        if number >= 0 { value = .milliseconds(number) }
    }

    func readSeconds(_ value: inout Duration, _ key: SettingKey, _ range: ClosedRange<Int>) {
        var number = -1
        read(&number, key, range)
        if number >= 0 { value = .seconds(number) }
    }

    func read<Choice: RawRepresentable<String> & CaseIterable>(_ value: inout Choice, _ key: SettingKey) {
        let rule = "allowed are " + Choice.allCases.map(\.rawValue).joined(separator: ", ")
        read(&value, key, rule) { Choice(rawValue: $0) }
    }

    /// Reads a text that `parse` makes a value of; `rule` says what it takes.
    func read<Value>(_ value: inout Value, _ key: SettingKey, _ rule: String, _ parse: (String) -> Value?) {
        guard let text = look(key, rule, { reader.string(forKey: $0) }) else { return }
        guard let parsed = parse(text) else { return report(key, rule) }
        value = parsed
    }

    /// The names that the file has in a table whose keys the user chooses.
    func names(in table: SettingKey) -> [String] {
        openTables.insert(table.components)
        return file.names(in: table.components)
    }

    /// Reports `rule` for a setting unless `condition` holds, for what depends on more than one.
    func require(_ condition: Bool, _ key: SettingKey, _ rule: String, isSecret: Bool = false) {
        guard !condition else { return }
        access.forget()
        _ = reader.string(forKey: ConfigKey(key.components), isSecret: isSecret)
        report(key, rule, isSecret: isSecret)
    }

    /// To be called when everything was read: what else is there is unknown.
    func reportUnknown() {
        for path in file.paths where !isKnown(path) {
            let key = SettingKey(path)
            problems.append("\(place(key, .file)): unknown setting; \(neighbours(of: key))")
        }
        for name in flags.keys.sorted() {
            let key = SettingKey(stringLiteral: name)
            if !known.contains(key.components) {
                problems.append("\(place(key, .flag)): unknown setting; \(neighbours(of: key))")
            }
        }
    }

    // MARK: Errors

    private func look<T>(_ key: SettingKey, _ rule: String, isSecret: Bool = false, _ get: (ConfigKey) -> T?) -> T? {
        known.insert(key.components)
        access.forget()
        let value = get(ConfigKey(key.components))
        if value == nil, access.hasFailed { report(key, rule, isSecret: isSecret) }
        return value
    }

    /// Says what is wrong with the value that was read last.
    private func report(_ key: SettingKey, _ rule: String, isSecret: Bool = false) {
        guard let index = access.provider, Source.allCases.indices.contains(index) else {
            problems.append("\(key) has its default: \(rule)")
            return
        }
        let source = Source.allCases[index]
        let value = isSecret ? "***" : spelling(key, source)
        problems.append("\(place(key, source)) = \(value): \(rule)")
    }

    private func place(_ key: SettingKey, _ source: Source) -> String {
        switch source {
        case .flag: "flag \(key)"
        case .environment: "environment: \(Self.environmentPrefix)\(key.environmentName)"
        case .file: "\(file.providerName):\(file.line(of: key.components).map(String.init) ?? "?"): \(key)"
        }
    }

    private func spelling(_ key: SettingKey, _ source: Source) -> String {
        switch source {
        case .flag: "\"\(flags[key.components.joined(separator: ".")] ?? "")\""
        case .environment: "\"\(environment[Self.environmentPrefix + key.environmentName] ?? "")\""
        case .file: file.spelling(of: key.components) ?? "?"
        }
    }

    private func isKnown(_ path: [String]) -> Bool {
        if known.contains(path) { return true }
        guard file.isTable(path) else { return false }
        return openTables.contains(path) || known.contains { $0.count > path.count && $0.starts(with: path) }
    }

    /// What is allowed where an unknown setting stands.
    private func neighbours(of key: SettingKey) -> String {
        let parent = key.parent.components
        let names = Set(known.filter { $0.count > parent.count && $0.starts(with: parent) }.map { $0[parent.count] })
        guard !names.isEmpty else { return "there is no section [\(key.parent)]" }
        return "allowed here are \(names.sorted().joined(separator: ", "))"
    }
}

/// Keeps which provider gave the last value, or failed to.
private final class LastAccess: AccessReporter {
    private struct Outcome {
        var provider: Int
        var hasFailed: Bool
    }

    private let outcome = Mutex<Outcome?>(nil)

    /// The index of the provider that has the value, or failed over it; `nil` when none has one.
    var provider: Int? { outcome.withLock { $0?.provider } }
    var hasFailed: Bool { outcome.withLock { $0?.hasFailed ?? false } }

    func forget() { outcome.withLock { $0 = nil } }

    /// Providers behind the one that answers or fails are not asked: the last result is its.
    func report(_ event: AccessEvent) {
        let provider = event.providerResults.count - 1
        let found: Outcome? =
            switch event.providerResults.last?.result {
            case .failure: Outcome(provider: provider, hasFailed: true)
            case .success(let lookup) where lookup.value != nil:
                Outcome(provider: provider, hasFailed: event.conversionError != nil)
            case .success, nil: nil
            }
        outcome.withLock { $0 = found }
    }
}
