import Ground
import MusterTesting
import Testing

@testable import PresenceDocuments

private let entity = octets("sip:ana@home1.net")
private let now = Instant(seconds: 1_735_689_603)  // 2025-01-01T00:00:03Z

private func source(_ id: UInt64, at seconds: Int64, _ content: String, hard: Bool = false) throws -> Composer.Source {
    Composer.Source(
        id: id, publishedAt: Instant(seconds: seconds), document: try Sample.document(content), isHardState: hard)
}

private func compose(_ sources: [Composer.Source]) -> PresenceDocument {
    Composer.compose(entity: entity, sources: sources, at: now).document
}

@Suite("Composition")
struct CompositionTests {
    @Test(
        "two publications with different tuples keep both; without one the other is left",
        .spec("RFC 3903 §3", "REQ-23141-3"))
    func different() throws {
        let one = try source(1, at: 1, Sample.tuple("t1", note: "one"))
        let two = try source(2, at: 2, Sample.tuple("t2", "closed", note: "two"))
        #expect(compose([one, two]).summary.services.map(\.id) == ["t1", "t2"])
        #expect(compose([two, one]) == compose([one, two]))
        #expect(compose([two]).summary.services.map(\.id) == ["t2"])
    }

    @Test(
        "of the same tuple the later publication wins",
        .spec("RFC 3903 §3", "REQ-23141-3", "RFC 3903 §10.3/1", "REQ-23141-4"))
    func laterTupleWins() throws {
        let one = try source(1, at: 1, Sample.tuple("t1", "open", note: "one"))
        let two = try source(2, at: 2, Sample.tuple("t1", "closed", note: "two"))
        #expect(compose([one, two]).summary.services.map(\.notes) == [["two"]])
        var refreshed = one
        refreshed.publishedAt = Instant(seconds: 3)
        #expect(compose([refreshed, two]).summary.services.map(\.notes) == [["one"]])
    }

    @Test(
        "of the same person the later publication wins, element by element",
        .spec("RFC 4479 §5", "RFC 4480 §3", "REQ-24141-40"))
    func laterPersonWins() throws {
        let one = try source(
            1, at: 1,
            "<dm:person id='a'><rp:activities><rp:away/></rp:activities><rp:mood><rp:sad/></rp:mood><dm:note>x</dm:note></dm:person>"
        )
        let two = try source(2, at: 2, "<dm:person id='b'><rp:activities><rp:busy/></rp:activities></dm:person>")
        let person = try #require(compose([one, two]).summary.persons.first)
        #expect(compose([one, two]).summary.persons.count == 1)
        #expect(person.activities == ["busy"] && person.moods == ["sad"] && person.notes == ["x"] && person.id == "a")
        let other = try source(3, at: 3, "<dm:person id='c'><rp:class>work</rp:class></dm:person>")
        #expect(compose([one, two, other]).summary.persons.count == 2)
    }

    @Test("tuples of one service are one: contact, class and service description agree", .spec("RFC 4479 §3.3"))
    func services() throws {
        let one = try source(
            1, at: 1,
            Sample.tuple(
                "a",
                extra:
                    "<cc:servcaps><cc:audio>true</cc:audio><cc:video>true</cc:video></cc:servcaps><dm:deviceID>urn:d1</dm:deviceID>",
                contact: "sip:ana@PC"))
        let two = try source(
            2, at: 2,
            Sample.tuple(
                "b", "closed",
                extra: "<cc:servcaps><cc:video>false</cc:video></cc:servcaps><dm:deviceID>urn:d2</dm:deviceID>",
                contact: "sip:ana@pc"))
        let merged = compose([one, two])
        #expect(merged.summary.services.map(\.id) == ["a"])
        #expect(merged.summary.isOpen == false)
        let text = string(merged.serialised())
        #expect(text.contains("urn:d1") && text.contains("urn:d2"))
        #expect(text.contains("<caps:audio>true</caps:audio>") && text.contains("<caps:video>false</caps:video>"))
        let three = try source(3, at: 3, Sample.tuple("c", extra: "<rp:class>work</rp:class>", contact: "sip:ana@pc"))
        #expect(compose([one, two, three]).summary.services.count == 2)
    }

    @Test("different services that share an id are renamed, always alike", .spec("RFC 3863 §4.1.2"))
    func renaming() throws {
        let one = try source(1, at: 5, Sample.tuple("t", contact: "sip:ana@pc"))
        let two = try source(2, at: 2, Sample.tuple("t", contact: "sip:ana@phone"))
        let ids = compose([one, two]).summary.services.map(\.id).sorted()
        #expect(ids == ["s2-t", "t"])
        var refreshed = two
        refreshed.publishedAt = Instant(seconds: 9)
        #expect(compose([refreshed, one]).summary.services.map(\.id).sorted() == ids)
    }

    @Test("hard state fills in what no publication says", .spec("REQ-23141-3"))
    func hardState() throws {
        let hard = try source(1, at: 9, Sample.tuple("t1", "closed") + Sample.tuple("t9", "closed"), hard: true)
        let soft = try source(2, at: 1, Sample.tuple("t1", "open"))
        let document = compose([hard, soft])
        #expect(document.summary.services.map(\.isOpen) == [true, false])
    }

    @Test("what is over is left out, and the next end is announced", .spec("RFC 4480 §3.2"))
    func ranges() throws {
        let past = "<rp:activities until='2025-01-01T00:00:03Z'><rp:away/></rp:activities>"
        let future = "<rp:mood until='2025-01-01T00:00:09Z'><rp:sad/></rp:mood>"
        let one = try source(1, at: 1, "<dm:person id='p'>\(past)\(future)</dm:person>")
        for composed in [
            Composer.compose(entity: entity, sources: [one], at: now),
            Composer.merge(entity: entity, sources: [one], at: now),
        ] {
            #expect(composed.nextChange == Instant(seconds: 1_735_689_609))
            #expect(composed.document.summary.persons.first?.activities == [])
            #expect(composed.document.summary.persons.first?.moods == ["sad"])
        }
        let later = Composer.compose(entity: entity, sources: [one], at: Instant(seconds: 1_735_689_609))
        #expect(later.nextChange == nil && later.document.summary.persons.first?.moods == [])
    }

    @Test("nothing published is one closed tuple", .spec("RFC 3856 §6.6"))
    func nothing() {
        let document = compose([])
        #expect(document.summary.isOpen == false && document.tuples.count == 1)
        let policy = CompositionPolicy(showsOfflineTuple: false)
        let empty = Composer.compose(entity: entity, sources: [], policy: policy, at: now).document
        #expect(empty.order.isEmpty)
    }

    @Test("the short way for one publication gives the bytes of the long way", .spec("RFC 3903 §3"))
    func fastPath() throws {
        var random = SeededRandom(11)
        for _ in 0..<600 {
            let text = Sample.random(&random)
            let only = Composer.Source(
                id: 1, publishedAt: .zero, document: try PresenceDocument.parse(octets(text)))
            let short = Composer.compose(entity: entity, sources: [only], at: now)
            let long = Composer.merge(entity: entity, sources: [only], at: now)
            #expect(string(short.document.serialised()) == string(long.document.serialised()), "\(text)")
            #expect(short.nextChange == long.nextChange)
        }
    }

    @Test("any number of publications makes a valid document, in any order of arrival", .spec("RFC 3903 §3"))
    func properties() throws {
        var random = SeededRandom(12)
        for _ in 0..<400 {
            var sources: [Composer.Source] = []
            for id in 0..<(2 + random.below(3)) {
                sources.append(
                    Composer.Source(
                        id: UInt64(id + 1), publishedAt: Instant(seconds: Int64(random.below(5))),
                        document: try PresenceDocument.parse(octets(Sample.random(&random))),
                        isHardState: random.chance(20)))
            }
            let document = compose(sources)
            let bytes = document.serialised()
            #expect(try PresenceDocument.parse(bytes[...]).serialised() == bytes)
            #expect(compose(sources.reversed()).serialised() == bytes)
            // Every unknown extension of the winner of a tuple is there.
            let newest = sources.filter { !$0.isHardState }.max { ($0.publishedAt, $0.id) < ($1.publishedAt, $1.id) }
            for service in newest?.document.summary.services ?? [] where service.notes.count == 1 {
                #expect(document.summary.services.contains { $0.notes == service.notes })
            }
            // Composing the composed document changes nothing.
            let again = Composer.Source(id: 9, publishedAt: .zero, document: document)
            #expect(compose([again]).serialised() == bytes)
        }
    }
}
