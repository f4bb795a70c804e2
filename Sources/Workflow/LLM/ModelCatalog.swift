/// The configured providers and the short names of models.
public struct ModelCatalog: Sendable {
    private let providers: [String: any ModelProvider]
    private let aliases: [String: String]

    /// - Parameters:
    ///   - providers: by the name that stands before the slash.
    ///   - aliases: short names to `provider/model`; an alias of an alias is not followed.
    public init(providers: [String: any ModelProvider], aliases: [String: String] = [:]) {
        self.providers = providers
        self.aliases = aliases
    }

    /// Finds what `provider/model` or an alias means. Models may have slashes in their own names.
    ///
    /// - Throws: ``ModelError`` `unknownModel`, with what would have been right.
    public func resolve(_ name: String) throws(ModelError) -> (provider: any ModelProvider, model: String) {
        let parts = (aliases[name] ?? name).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty else {
            throw ModelError(
                .unknownModel,
                "\"\(name)\" is not a model: write provider/model, or one of the aliases: \(list(aliases.keys))"
            )
        }
        guard let provider = providers[String(parts[0])] else {
            throw ModelError(
                .unknownModel,
                "the provider \"\(parts[0])\" of \"\(name)\" is not among those configured: \(list(providers.keys))"
            )
        }
        return (provider, String(parts[1]))
    }

    private func list(_ names: some Collection<String>) -> String {
        names.isEmpty ? "none" : names.sorted().joined(separator: ", ")
    }
}
