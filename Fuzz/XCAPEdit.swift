// rooms: Ground XMLTree PresenceDocuments XCAPEngine
// system: CLibXML2
// sources: Tests/XCAPEngineTests/FuzzChecks.swift
// seeds: Fuzz/Seeds/XCAPEdit
// dictionary: xcap.dict
// length: 2048

/// What libFuzzer calls with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: bytes, count: count))
    if let violation = FuzzCheck.edit(input) { preconditionFailure("Violation: \(violation)") }
    return 0
}
