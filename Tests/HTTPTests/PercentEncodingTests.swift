import HTTP
import Testing

struct PercentEncodingTests {
    @Test(arguments: [
        ("", ""), ("plain", "plain"), ("a%20b", "a b"), ("%C3%a4", "ä"), ("a+b", "a+b"), ("%25", "%"),
    ])
    func `escapes are bytes of UTF-8`(text: String, expected: String) {
        #expect(PercentEncoding.decode(text[...]) == expected)
    }

    @Test(arguments: ["%", "%2", "%zz", "%-1", "%C3", "%ff", "a%C0%80"])
    func `what is not an escape or not UTF-8 is refused`(text: String) {
        #expect(PercentEncoding.decode(text[...]) == nil)
    }

    @Test(arguments: [
        ("plain", "plain"), ("a%20b", "a b"), ("100%", "100%"), ("%2", "%2"), ("%zz%41", "%zzA"),
        ("%ff", "\u{FFFD}"),
    ])
    func `a lenient reader keeps what is no escape`(text: String, expected: String) {
        #expect(PercentEncoding.decodeLeniently(text) == expected)
    }

    @Test func `what is not plain is escaped, and a percent sign always`() {
        #expect(PercentEncoding.encode("100% ä~", isPlain: { $0 < 0x80 }) == "100%25 %C3%A4~")
        #expect(PercentEncoding.encode("plain", isPlain: { $0 < 0x80 }) == "plain")
    }
}
