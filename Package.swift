// swift-tools-version: 6.2
// Muster: an IMS presence platform. ARCHITECTURE.md explains the rooms and the layers between them.
import PackageDescription

/// Settings of every Swift target: the language mode is Swift 6, and a warning is an error.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    // Rooms are small modules that call each other for every message: let the optimizer see through their walls.
    // Exclusive access to variables is checked at run time in debug builds, where the tests run.
    .unsafeFlags(["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

/// The rooms of layer 3, each with a door plate.
let boxes: Set<String> = ["PresenceServer", "SCSCF", "UserAgent", "XDMServer"]

/// A room of the house: a library target whose import list is its place in the layers.
func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    let plate = boxes.contains(name) ? ["README.md"] : []
    return .target(name: name, dependencies: dependencies, exclude: plate, swiftSettings: settings)
}

/// The tests of a room.
func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["MusterTesting"], exclude: resources, swiftSettings: settings)
}

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioWebSocket: Target.Dependency = .product(name: "NIOWebSocket", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioConcurrency: Target.Dependency = .product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")

let package = Package(
    name: "muster",
    products: [.executable(name: "muster", targets: ["muster"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        // Libraries of the system, seen from Swift.
        .systemLibrary(name: "CLibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CAres", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        // L0 ground
        room("Ground"),
        // L1 wire
        room("SIPWire", ["Ground"]),
        room("XMLTree", ["Ground", "CLibXML2"]),
        room("PresenceDocuments", ["Ground", "XMLTree"]),
        room("Cryptography", ["Ground", "COpenSSL"]),
        room("DigestAuth", ["Ground", "Cryptography"]),
        // L2 engines
        room("SIPTransactions", ["Ground", "SIPWire"]),
        room("EventNotification", ["Ground", "SIPWire", "SIPTransactions"]),
        room("XCAPEngine", ["Ground", "XMLTree", "PresenceDocuments"]),
        // L3 boxes
        room("SCSCF", ["Ground", "SIPWire", "SIPTransactions", "Cryptography", "DigestAuth"]),
        room(
            "PresenceServer",
            ["Ground", "SIPWire", "SIPTransactions", "EventNotification", "XMLTree", "PresenceDocuments", "DigestAuth"]),
        room(
            "UserAgent",
            [
                "Ground", "SIPWire", "SIPTransactions", "EventNotification", "XMLTree", "PresenceDocuments",
                "DigestAuth",
            ]),
        room(
            "XDMServer",
            [
                "Ground", "SIPWire", "SIPTransactions", "EventNotification", "XMLTree", "PresenceDocuments",
                "DigestAuth", "XCAPEngine",
            ]),
        // L4 shell
        room(
            "Storage",
            ["Ground", "Cryptography", "DigestAuth", "EventNotification", "PresenceServer", "SCSCF", "XDMServer"]),
        room(
            "StorageSQLite",
            [
                "Ground", "Cryptography", "DigestAuth", "EventNotification", "Storage", "PresenceServer", "SCSCF",
                "XDMServer", grdb,
            ]),
        room(
            "Signalling",
            [
                "Ground", "SIPWire", "SIPTransactions", "COpenSSL", "CAres", nioCore, nioPosix, nioHTTP1, nioWebSocket,
                nioTLS, nioConcurrency,
            ]),
        room(
            "WebEdge",
            [
                "Ground", "DigestAuth", "XDMServer", "Telemetry", "CZlib", hummingbird, lifecycle, logging, nioCore,
                nioPosix, nioHTTP1,
            ]),
        room("Telemetry", ["Ground", "SIPWire", logging]),
        room("Settings", ["Ground", configuration]),
        // L5 assembly
        room(
            "MusterNode",
            [
                "Ground", "SIPWire", "SIPTransactions", "EventNotification", "PresenceServer", "SCSCF", "DigestAuth",
                "PresenceDocuments", "XCAPEngine", "XDMServer", "Cryptography", "Storage", "StorageSQLite",
                "Signalling", "WebEdge",
                "Telemetry", "Settings", nioCore, nioPosix, logging, lifecycle,
            ]),
        .executableTarget(
            name: "muster",
            dependencies: [
                "Ground", "SIPWire", "SIPTransactions", "UserAgent", "XMLTree", "PresenceDocuments", "DigestAuth",
                "Cryptography", "PresenceServer", "SCSCF", "XCAPEngine", "XDMServer", "Storage", "StorageSQLite",
                "Signalling", "WebEdge", "Settings", "Telemetry", "MusterNode", argumentParser, logging, lifecycle,
                nioCore, nioPosix,
            ],
            swiftSettings: settings,
            // Stands in front of the system's malloc by being linked; nothing calls it by name (decision 17).
            linkerSettings: [.linkedLibrary("mimalloc")]),

        // Tests, from the bottom up. MusterTesting is what they share.
        .target(
            name: "MusterTesting", dependencies: ["Ground"], path: "Tests/MusterTesting", swiftSettings: settings),
        tests("TidyTests", []),
        tests("GroundTests", ["Ground"]),
        tests("SIPWireTests", ["Ground", "SIPWire"]),
        tests("TortureTests", ["Ground", "SIPWire"], resources: ["RFC4475", "RFC5118", "Attacks"]),
        tests("XMLTreeTests", ["Ground", "XMLTree"], resources: ["Corpus"]),
        tests("PresenceDocumentsTests", ["Ground", "XMLTree", "PresenceDocuments"]),
        tests("CryptographyTests", ["Ground", "Cryptography"]),
        tests("DigestAuthTests", ["Ground", "Cryptography", "DigestAuth"]),
        tests("SIPTransactionsTests", ["Ground", "SIPWire", "SIPTransactions"]),
        tests("EventNotificationTests", ["Ground", "SIPWire", "SIPTransactions", "EventNotification"]),
        tests("XCAPEngineTests", ["Ground", "XMLTree", "PresenceDocuments", "XCAPEngine"]),
        tests(
            "XDMServerTests",
            [
                "Ground", "SIPWire", "SIPTransactions", "EventNotification", "XMLTree", "PresenceDocuments",
                "DigestAuth", "XCAPEngine", "XDMServer",
            ]),
        tests(
            "PresenceServerTests",
            [
                "Ground", "SIPWire", "SIPTransactions", "EventNotification", "XMLTree", "PresenceDocuments",
                "DigestAuth", "PresenceServer",
            ]),
        tests("SCSCFTests", ["Ground", "SIPWire", "SIPTransactions", "Cryptography", "DigestAuth", "SCSCF"]),
        tests(
            "UserAgentTests",
            ["Ground", "SIPWire", "SIPTransactions", "PresenceDocuments", "DigestAuth", "UserAgent"]),
        tests(
            "StorageTests",
            [
                "Ground", "Cryptography", "DigestAuth", "EventNotification", "PresenceServer", "SCSCF", "XDMServer",
                "Storage", "StorageSQLite", grdb,
            ]),
        tests("SettingsTests", ["Ground", "Settings"]),
        tests("TelemetryTests", ["Ground", "Telemetry", logging]),
        tests(
            "WebEdgeTests",
            ["Ground", "DigestAuth", "XDMServer", "Telemetry", "WebEdge", logging, lifecycle, nioCore, nioPosix]),
        tests(
            "SignallingTests",
            ["Ground", "SIPWire", "SIPTransactions", "Signalling", nioCore, nioPosix, nioTLS]),
        tests(
            "MusterNodeTests",
            [
                "Ground", "SIPWire", "SIPTransactions", "DigestAuth", "PresenceServer", "XDMServer", "SCSCF", "Storage",
                "Signalling", "WebEdge", "Settings", "Telemetry", "MusterNode", grdb, logging, nioCore, nioPosix,
            ]),
        tests(
            "musterTests", ["Ground", "SIPWire", "PresenceDocuments", "UserAgent", "WebEdge", "muster", argumentParser]),
        tests(
            "InteropTests", ["Ground", "SIPWire", "SIPTransactions", "Signalling", "muster"], resources: ["Scenarios"]),

        // The same cores in a world of virtual time that loses, repeats and crashes.
        .target(
            name: "Simulation",
            dependencies: [
                "Ground", "SIPWire", "SIPTransactions", "EventNotification", "PresenceDocuments", "DigestAuth",
                "XMLTree", "PresenceServer", "XDMServer", "SCSCF", "UserAgent", "Storage",
            ],
            path: "Tests/Simulation", swiftSettings: settings),
        .executableTarget(
            name: "muster-simulate", dependencies: ["Ground", "Simulation"], path: "Tests/SimulationRun",
            swiftSettings: settings),
        tests(
            "SimulationTests",
            [
                "Ground", "PresenceDocuments", "DigestAuth", "PresenceServer", "SCSCF", "UserAgent", "Storage",
                "Simulation",
            ]),
        tests("LadderTests", ["Ground", "Simulation"]),
    ]
)
