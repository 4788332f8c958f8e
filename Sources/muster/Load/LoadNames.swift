/// The parts of a request that are the same in all, made once.
struct LoadNames {
    let domain: [UInt8]
    let local: [UInt8]
    let runID: [UInt8]
    let event: [UInt8]
    let via: [UInt8]
    /// The Contact parameters: which transport leads here.
    let contactParameters: [UInt8]
    private let documentHead: [UInt8]

    init(plan: LoadPlan, runID: String) {
        self.domain = Array(plan.domain.utf8)
        self.local = Array("\(plan.local)".utf8)
        self.runID = Array(runID.utf8)
        self.event = Array(plan.package.utf8)
        self.via = Array(
            "\r\nVia: SIP/2.0/\(plan.transport == .tcp ? "TCP" : "UDP") \(plan.local);rport;branch=z9hG4bK.".utf8)
        self.contactParameters = plan.transport == .tcp ? Array(";transport=tcp".utf8) : []
        self.documentHead = Array(
            ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
                + "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\""
                + " xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\""
                + " xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"").utf8)
    }

    /// `sip:p000042@bench.test`
    func putPresentity(_ number: Int, into packet: inout LoadPacket) {
        packet.put("sip:p")
        packet.put(number: number, width: 6)
        packet.put("@")
        packet.put(self.domain)
    }

    /// A presence document of the wanted size whose note carries the version.
    func putDocument(presentity: Int, version: Int, size: Int, into packet: inout LoadPacket) {
        let start = packet.count
        packet.put(self.documentHead)
        self.putPresentity(presentity, into: &packet)
        packet.put("\"><tuple id=\"t")
        packet.put(number: presentity, width: 6)
        packet.put("\"><status><basic>open</basic></status><contact priority=\"0.8\">sip:p")
        packet.put(number: presentity, width: 6)
        packet.put("@")
        packet.put(self.local)
        packet.put("</contact><note>v")
        packet.put(number: version, width: 8)
        packet.put("</note>")
        let tail: StaticString = """
            <timestamp>2026-11-22T15:00:00Z</timestamp></tuple>\
            <dm:person id="m1"><rpid:activities><rpid:meeting/></rpid:activities></dm:person></presence>
            """
        let padding = size - (packet.count - start) - tail.utf8CodeUnitCount - 13
        if padding > 0 {
            packet.put("<note>")
            packet.fill(UInt8(ascii: "x"), padding)
            packet.put("</note>")
        }
        packet.put(tail)
    }
}
