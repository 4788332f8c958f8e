// rooms: Ground XMLTree PresenceDocuments
// system: CLibXML2
// sources: Tests/PresenceDocumentsTests/PolicyFuzzCheck.swift
// seeds: Fuzz/Seeds/Ruleset
// dictionary: policy.dict
// length: 4096

/// What libFuzzer calls with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: bytes, count: count))
    if let violation = PolicyFuzzCheck.ruleset(input) { preconditionFailure("Violation: \(violation)") }
    return 0
}
