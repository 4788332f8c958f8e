// rooms: Ground SIPWire
// sources: Tests/SIPWireTests/FuzzChecks.swift
// seeds: Tests/TortureTests Fuzz/Seeds/SIPURI
// dictionary: sip.dict
// length: 1024

/// What libFuzzer calls with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: bytes, count: count))
    if let violation = FuzzCheck.sipURI(input) { preconditionFailure("Violation: \(violation)") }
    return 0
}
