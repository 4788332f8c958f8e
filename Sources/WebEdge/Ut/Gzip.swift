import CZlib

/// The content coding `gzip` (RFC 9110 §8.4.1.3, RFC 1952), over zlib.
///
/// One instance packs and unpacks one body after the other, because zlib's tables cost more to make than to use.
final class Gzip {
    /// What stands in the way of unpacking a body.
    enum Fault: Error { case tooLarge, broken }

    /// 15 bits of window, and 16 for the frame of RFC 1952 in place of that of RFC 1950.
    private static let windowBits: Int32 = 15 + 16
    /// Enough for XML; higher levels cost twice the time for a hundredth of the size.
    private static let level: Int32 = 4
    private static let memoryLevel: Int32 = 8
    /// Members of one body; nobody has a reason for more.
    private static let members = 8
    /// Bytes unpacked at once.
    private static let stepBytes = 16_384

    private var deflater: UnsafeMutablePointer<z_stream>?
    private var inflater: UnsafeMutablePointer<z_stream>?

    deinit {
        if let deflater = self.deflater {
            deflateEnd(deflater)
            deflater.deallocate()
        }
        if let inflater = self.inflater {
            inflateEnd(inflater)
            inflater.deallocate()
        }
    }

    /// A body, packed; nil if zlib has no memory.
    func pack(_ body: [UInt8]) -> [UInt8]? {
        guard let stream = self.readyDeflater(), let length = UInt32(exactly: body.count) else { return nil }
        let bound = Int(deflateBound(stream, UInt(body.count)))
        return body.withUnsafeBufferPointer { source -> [UInt8]? in
            var isComplete = false
            let packed = [UInt8](unsafeUninitializedCapacity: bound) { target, count in
                stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                stream.pointee.avail_in = length
                stream.pointee.next_out = target.baseAddress
                stream.pointee.avail_out = UInt32(clamping: target.count)
                isComplete = deflate(stream, Z_FINISH) == Z_STREAM_END
                count = target.count - Int(stream.pointee.avail_out)
            }
            return isComplete ? packed : nil
        }
    }

    /// A packed body, unpacked: one member or several (RFC 1952 §2.2), nothing behind the last.
    ///
    /// - Throws: `tooLarge` as soon as more than `limit` bytes come out; `broken`.
    func unpack(_ body: [UInt8], limit: Int) throws(Fault) -> [UInt8] {
        guard let stream = self.readyInflater(), let length = UInt32(exactly: body.count) else { throw .tooLarge }
        var unpacked: [UInt8] = []
        let fault = body.withUnsafeBufferPointer { source -> Fault? in
            stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
            stream.pointee.avail_in = length
            return Self.unpack(stream, into: &unpacked, limit: limit)
        }
        if let fault { throw fault }
        return unpacked
    }

    private static func unpack(
        _ stream: UnsafeMutablePointer<z_stream>, into unpacked: inout [UInt8], limit: Int
    ) -> Fault? {
        var members = 1
        while true {
            var status = Z_OK
            let piece = [UInt8](unsafeUninitializedCapacity: Self.stepBytes) { target, count in
                stream.pointee.next_out = target.baseAddress
                stream.pointee.avail_out = UInt32(clamping: target.count)
                status = inflate(stream, Z_NO_FLUSH)
                count = target.count - Int(stream.pointee.avail_out)
            }
            guard unpacked.count + piece.count <= limit else { return .tooLarge }
            unpacked += piece
            switch status {
            case Z_STREAM_END:
                if stream.pointee.avail_in == 0 { return nil }
                members += 1
                guard members <= Self.members, inflateReset(stream) == Z_OK else { return .broken }
            case Z_OK:
                // Without progress there is nothing more to come.
                if piece.isEmpty, stream.pointee.avail_in == 0 { return .broken }
            default: return .broken
            }
        }
    }

    private func readyDeflater() -> UnsafeMutablePointer<z_stream>? {
        if let stream = self.deflater { return deflateReset(stream) == Z_OK ? stream : nil }
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard muster_deflate_init(stream, Self.level, Self.windowBits, Self.memoryLevel) == Z_OK else {
            stream.deallocate()
            return nil
        }
        self.deflater = stream
        return stream
    }

    private func readyInflater() -> UnsafeMutablePointer<z_stream>? {
        if let stream = self.inflater { return inflateReset(stream) == Z_OK ? stream : nil }
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard muster_inflate_init(stream, Self.windowBits) == Z_OK else {
            stream.deallocate()
            return nil
        }
        self.inflater = stream
        return stream
    }
}
