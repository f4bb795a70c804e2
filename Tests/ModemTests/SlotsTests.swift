import Testing

@testable import Modem

@Suite(.timeLimit(.minutes(1)))
struct SlotsTests {
    @Test func `gives out what there is`() {
        let slots = Slots(3)
        #expect(slots.take(upTo: 2) == 2 && slots.take(upTo: 2) == 1 && slots.take(upTo: 2) == 0)
        slots.give(2)
        #expect(slots.take(upTo: 5) == 2)
    }

    @Test func `waits for a slot`() async {
        let slots = Slots(1)
        await slots.wait()
        #expect(slots.take(upTo: 1) == 1)
        async let waited: Void = slots.wait()
        slots.give(1)
        await waited
    }

    @Test func `closing ends the wait, now and later`() async {
        let slots = Slots(1)
        #expect(slots.take(upTo: 1) == 1)
        async let waited: Void = slots.wait()
        slots.close()
        await waited
        await slots.wait()
        slots.give(1)
        #expect(slots.take(upTo: 1) == 1)
    }
}
