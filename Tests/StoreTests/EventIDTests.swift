import Store
import Testing

struct EventIDTests {
    @Test func `ids are pairs of integers, not text`() throws {
        let nine = try #require(EventID("9-1"))
        let ten = try #require(EventID("10-0"))
        #expect(nine < ten)
        for text in ["5-2", "0-0", "1795872570310-14", "18446744073709551615-18446744073709551615"] {
            #expect(EventID(text)?.description == text)
        }
        #expect(EventID("5") == EventID(milliseconds: 5, counter: 0))
    }

    @Test(arguments: ["", "-", "1-", "-1", "1-2-3", "1 -2", "+1-0", "x", "1-99999999999999999999", "٣-1"])
    func `anything else is no id`(text: String) { #expect(EventID(text) == nil) }

    @Test func `the predecessor is right before`() {
        #expect(EventID(milliseconds: 5, counter: 3).predecessor == EventID(milliseconds: 5, counter: 2))
        #expect(EventID(milliseconds: 5, counter: 0).predecessor == EventID(milliseconds: 4, counter: .max))
        #expect(EventID.zero.predecessor == .zero)
    }
}
