import Testing

@testable import Store

struct LuaLibraryTests {
    private let library = LuaLibrary(
        """
        -- Counts.
        local count = 0

        local function one() return 1 end

        -- Uses one().
        local function two()
            -- Not three.
            local call = one
            return call() + one()
        end

        local function three() return 'two' end
        """
    )

    private func link(_ source: String, _ branches: KeyValuePairs<String, String> = [:]) -> [String] {
        library.link(source, branches).split(separator: "\n").map(String.init)
    }

    @Test func `a script gets what it names, and what that names, in its order`() {
        #expect(
            link("return two(), count") == [
                "-- Counts.", "local count = 0", "local function one() return 1 end",
                "-- Uses one().", "local function two()",
                "    -- Not three.", "    local call = one", "    return call() + one()", "end", "return two(), count",
            ]
        )
    }

    @Test func `what stands in quotes, in a comment or within another name is not asked for`() {
        #expect(link("-- one, two\nreturn 'one', 'count', three1") == ["-- one, two", "return 'one', 'count', three1"])
        #expect(link("return three()") == ["local function three() return 'two' end", "return three()"])
    }

    @Test func `a branch brings what it needs beyond the script`() {
        let linked = link(
            """
            if count > 0 then
                --[[rare]]
            end
            """,
            ["rare": "count = three() .. one()"]
        )
        #expect(
            linked.map { $0.drop(while: { $0 == " " }) } == [
                "-- Counts.", "local count = 0", "if count > 0 then", "local function one() return 1 end",
                "local function three() return 'two' end", "count = three() .. one()", "end",
            ]
        )
    }
}
