// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// Release binaries have the Swift runtime in them: nearly a tenth less CPU, and they run where no Swift is installed. The libraries come
/// in the order in which one needs the other, as the linker looks at each once.
let standalone: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-static-stdlib", "-lFoundation", "-lCoreFoundation", "-lFoundationInternationalization",
            "-lFoundationEssentials", "-l_FoundationICU", "-l_FoundationCShims", "-l_FoundationCollections",
        ],
        .when(platforms: [.linux], configuration: .release)
    )
]

func nio(_ name: String) -> Target.Dependency { .product(name: name, package: "swift-nio") }
let ssl = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let collections = Target.Dependency.product(name: "OrderedCollections", package: "swift-collections")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let lifecycleTestKit = Target.Dependency.product(name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let toml = Target.Dependency.product(name: "TOMLKit", package: "TOMLKit")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

/// A room of the house; `docs/ARCHITECTURE.md` has the table of who may import whom, `tools/tidy` enforces it.
func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ room: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(room)Tests",
        dependencies: [.target(name: room), "TestSupport"] + dependencies,
        swiftSettings: settings
    )
}

let package = Package(
    name: "baud",
    products: [
        .executable(name: "baud", targets: ["baud"]),
        .library(name: "BaudClient", targets: ["Client", "Messages"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system", from: "1.5.0"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        // C libraries, one importing room each.
        .systemLibrary(name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CLinux"),
        .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
        .target(name: "CProtos", linkerSettings: [.linkedLibrary("protobuf-c")]),

        room("Messages", ["CProtos", collections]),
        room(
            "HTTP",
            ["CNghttp2", nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"), nio("NIOTLS"), ssl, logging, metrics]
        ),
        room("Redis", ["CHiredis", nio("NIOCore"), nio("NIOPosix"), ssl, logging]),
        room("Curl", ["CCurl"]),
        room("Config", [configuration, toml]),
        room("Digest", []),

        room("RPC", ["HTTP", "CZlib", nio("NIOCore"), logging, deque]),
        room("Store", ["Redis", "Messages", "Digest", nio("NIOCore"), logging, collections]),

        room(
            "Gateway",
            [
                "RPC", "HTTP", "Store", "Messages", nio("NIOCore"), nio("NIOPosix"), logging, collections, deque,
                lifecycle,
            ]
        ),
        room("Modem", ["Store", "Redis", "Messages", "Curl", "Digest", nio("NIOCore"), logging, lifecycle]),
        room("Workflow", ["Store", "Curl", "Messages", "CLinux", logging, collections, subprocess, system]),
        room("Client", ["RPC", "HTTP", "Messages", nio("NIOCore"), logging, collections]),

        .executableTarget(
            name: "baud",
            dependencies: [
                "Gateway", "Modem", "Workflow", "Client", "Store", "Config", "RPC", "HTTP", "Redis", "Curl", "Messages",
                nio("NIOCore"), nio("NIOPosix"), logging, lifecycle, signals, arguments, subprocess,
            ],
            swiftSettings: settings,
            linkerSettings: standalone
        ),

        // The two sides of gRPC's interoperability tests.
        room("Interop", ["RPC", nio("NIOCore")]),
        .executableTarget(
            name: "interop-server",
            dependencies: ["Interop", "RPC", "HTTP", nio("NIOCore"), nio("NIOPosix"), logging, signals],
            path: "Sources/InteropServer",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "interop-client",
            dependencies: ["Interop", "RPC", "HTTP", nio("NIOCore"), nio("NIOPosix"), logging],
            path: "Sources/InteropClient",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "bench-server",
            dependencies: ["RPC", "HTTP", "Messages", nio("NIOCore"), nio("NIOPosix"), logging],
            path: "Sources/BenchServer",
            swiftSettings: settings,
            linkerSettings: standalone
        ),
        .target(
            name: "TestSupport",
            dependencies: ["Redis", "Store", "RPC", "HTTP", "Messages", nio("NIOCore"), nio("NIOPosix"), logging],
            path: "Tests/TestSupport",
            swiftSettings: settings
        ),
        tests("Messages", [collections]),
        tests("HTTP", ["CNghttp2", nio("NIOCore"), nio("NIOPosix"), nio("NIOEmbedded"), logging, metrics]),
        tests("Redis", [nio("NIOCore"), nio("NIOPosix"), logging]),
        tests("Curl"),
        tests("Config"),
        tests("Digest"),
        tests("RPC", ["HTTP", nio("NIOCore"), nio("NIOPosix"), logging]),
        tests("Store", ["Messages", "Redis", collections, nio("NIOCore"), nio("NIOPosix")]),
        tests(
            "Gateway",
            [
                "RPC", "HTTP", "Store", "Redis", "Messages", nio("NIOCore"), nio("NIOPosix"), nio("NIOEmbedded"),
                logging, collections,
            ]
        ),
        tests(
            "Modem",
            [
                "Store", "Redis", "Messages", "Curl", "Digest", nio("NIOCore"), nio("NIOPosix"), logging, lifecycle,
                lifecycleTestKit,
            ]
        ),
        tests(
            "Workflow",
            ["Curl", "Messages", "Store", "Redis", nio("NIOCore"), nio("NIOPosix"), logging, collections]
        ),
        tests("Client", ["HTTP", "RPC", "Messages", nio("NIOCore"), nio("NIOPosix"), logging, collections]),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "baud", "Client", "Config", "HTTP", "TestSupport", "RPC", "Messages", nio("NIOCore"), nio("NIOPosix"),
                arguments,
            ],
            swiftSettings: settings
        ),
    ]
)
